//! Fuzz target: a whole sync while some of GitLab's answers are not what they should be. It may fail, but never
//! panic, and a calm one after it makes up for everything.

use std::cell::Cell;
use std::sync::Arc;

use fuzz::{Shape, Target};
use gitlab_sim::generate::{self, Sizes};
use serde_json::{Map, Value as Json};

use crate::gitlab::{self, Client};
use crate::streams::Streams;
use crate::sync::error::Error;
use crate::sync::request::Request;
use crate::sync::session::Session;
use crate::sync::simulation::fake_gitlab::FakeGitlab;
use crate::sync::simulation::memory::Memory;
use crate::sync::simulation::{BEGINNING, compare, options, scope_of};
use crate::sync::state::Cursors;
use crate::sync::{passes, plan};
use mergemind_shared::functions_framework::Shutdown;

/// A change of an answer: which one, which value in it, and what stands there instead.
type Damage = (usize, usize, Json);

/// An input is a list of them.
#[test]
fn connector_sync() {
    let world = generate::world(&Sizes {
        seed: 3,
        projects: 2,
        merge_requests: 6,
        months: 1,
        hidden_percent: 10.0,
        hidden_run: 1,
        enterprise: true,
        deployments: 0,
        anchor: BEGINNING,
    });
    let streams = Streams::new();
    Target::new("connector_sync", Shape::Json)
        .costs(1_000)
        .reaches(&["complete"])
        .run(|text| {
            let listed: Vec<Json> = serde_json::from_slice(text).unwrap_or_default();
            let damages: Vec<Damage> = listed
                .into_iter()
                .filter_map(|one| serde_json::from_value(one).ok())
                .collect();
            if damages.is_empty() && text != b"[]" {
                return "no damage".into();
            }
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .start_paused(true)
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let stand = Arc::new(FakeGitlab::new(world.clone(), 1));
                let memory = Memory::new(1);
                let single = text.len() % 2 == 1;
                let damaged = sync(&stand, &memory, &streams, &damages, single).await;
                // What has another type is noticed; what is another value of the same type is GitLab's word.
                if damages.iter().all(|(_, _, with)| is_of_no_type(with)) {
                    for _ in 0..2 {
                        let calm = sync(&stand, &memory, &streams, &[], single).await;
                        assert!(calm.is_ok(), "a calm sync failed: {calm:?}");
                    }
                    let compared = stand.with_world(|world| compare(world, &memory, single));
                    assert_eq!(compared, Ok(()), "after {damaged:?}");
                }
                match damaged {
                    Ok(true) => "complete".to_owned(),
                    Ok(false) => "partial".to_owned(),
                    Err(error) => format!("failed: {}", gist(&error)),
                }
            })
        });
}

fn is_of_no_type(with: &Json) -> bool {
    matches!(with, Json::Object(fields) if fields.is_empty() || fields.contains_key("x"))
}

fn gist(error: &Error) -> String {
    error
        .to_string()
        .chars()
        .filter(|c| !c.is_ascii_digit())
        .take(50)
        .collect()
}

/// One sync of everything; whether it came to its end.
async fn sync(
    stand: &Arc<FakeGitlab>,
    memory: &Memory,
    streams: &Streams,
    damages: &[Damage],
    single: bool,
) -> Result<bool, Error> {
    let mut cursors: Cursors = memory.cursors();
    let (answering, damages) = (stand.clone(), damages.to_vec());
    let answered = std::sync::Mutex::new(Cell::new(0));
    let client = Client::of_fake(
        Box::new(move |call| {
            let (status, headers, bytes) = answering.answer(call);
            let answered = answered.lock().expect("one thread");
            let nth = answered.replace(answered.get() + 1);
            let here: Vec<&Damage> = damages.iter().filter(|(answer, _, _)| *answer == nth).collect();
            if here.is_empty() {
                return (status, headers, bytes);
            }
            let mut answer: Json = serde_json::from_slice(&bytes).expect("JSON");
            for (_, place, with) in here {
                let mut left = place % count(&answer);
                if let Some(value) = find(&mut answer, &mut left) {
                    *value = with.clone();
                }
            }
            (status, headers, answer.to_string().into_bytes())
        }),
        1,
    );
    let request = Request {
        full_refresh: true,
        reconcile: true,
        confirm_deletions: true,
        ..Request::default()
    };
    let options = options(streams);
    let scope = stand.with_world(|world| scope_of(world, single));
    let lists = plan::lists_to_probe(std::slice::from_ref(&scope), &cursors, &request);
    let instance = gitlab::probe(&client, &streams.types(), &lists).await?;
    let session = Session::new(&options, &client, streams, memory, instance, Shutdown::default());
    Ok(passes::run_scopes(&session, &[scope], &mut cursors, &request)
        .await?
        .complete)
}

fn children(json: &Json) -> Box<dyn Iterator<Item = &Json> + '_> {
    match json {
        Json::Array(items) => Box::new(items.iter()),
        Json::Object(fields) => Box::new(Map::values(fields)),
        _ => Box::new(std::iter::empty()),
    }
}

fn count(json: &Json) -> usize {
    1 + children(json).map(count).sum::<usize>()
}

fn find<'a>(json: &'a mut Json, left: &mut usize) -> Option<&'a mut Json> {
    if *left == 0 {
        return Some(json);
    }
    *left -= 1;
    match json {
        Json::Array(items) => items.iter_mut().find_map(|item| find(item, left)),
        Json::Object(fields) => fields.values_mut().find_map(|value| find(value, left)),
        _ => None,
    }
}
