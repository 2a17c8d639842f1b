//! Single scenes of a sync.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use gitlab_sim::changes::{Change, Kind};
use gitlab_sim::data::{State, hex};
use gitlab_sim::rest;
use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use serde_json::Value as Json;

use super::*;
use crate::gitlab::Call;
use crate::sync::commit::commit;
use crate::sync::lock::lock;
use crate::sync::read::lookup;
use crate::sync::read::lookup::Refetch;
use crate::sync::rows::Rows;
use crate::sync::simulation::scene::Scene;

#[tokio::test(start_paused = true)]
async fn a_deadline_stops_a_sync_cleanly_and_the_next_one_goes_on() {
    let mut scene = Scene::new(3, 60);
    // Over before it begins: each sync gets as far as its first checkpoint.
    scene.options.deadline = Duration::ZERO;
    assert!(scene.syncs().await > 3, "it was cut short in each pass");
    scene.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn bytes_that_drip_in_end_a_sync_a_second_after_its_deadline_and_nothing_is_lost() {
    let minute = Duration::from_secs(60);
    let (long, short) = (minute * 2, minute / 2);
    for (nth, deadline) in [(0, long), (1, short), (4, long), (7, short), (9, long)] {
        let mut scene = Scene::new(3, 60);
        scene.options.deadline = deadline;
        let asked = AtomicU64::new(0);
        scene.proxy = Some(Arc::new(move |_, headers| {
            // The first question is asked before the sync begins.
            if asked.fetch_add(1, Ordering::Relaxed) == nth + 1 {
                headers.insert(gitlab::DRIPS, HeaderValue::from_static("yes"));
            }
        }));
        let begun = tokio::time::Instant::now();
        assert!(!scene.sync().await, "request {nth} drips");
        // Its first step has a minute, however soon the deadline is.
        assert_eq!(begun.elapsed().as_secs(), deadline.max(minute).as_secs() + 1);
        scene.proxy = None;
        assert!(scene.sync().await);
        scene.assert_equal();
    }
}

#[tokio::test(start_paused = true)]
async fn a_sync_stops_cleanly_at_its_number_of_rows_and_the_next_one_goes_on() {
    let mut scene = Scene::new(3, 60);
    scene.options.max_records = Some(100);
    assert!(scene.syncs().await > 3, "it was cut short more than once");
    scene.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn a_signal_to_stop_ends_a_sync_at_its_next_checkpoint_and_the_next_one_goes_on() {
    let mut scene = Scene::new(3, 60);
    for nth in [2, 4, 7, 9] {
        let shutdown = Shutdown::default();
        scene.shutdown = shutdown.clone();
        let asked = AtomicU64::new(0);
        scene.between = Some(Arc::new(move |_| {
            if asked.fetch_add(1, Ordering::Relaxed) == nth {
                shutdown.request();
            }
            None
        }));
        assert!(!scene.sync().await, "stopped at request {nth}");
    }
    (scene.between, scene.shutdown) = (None, Shutdown::default());
    assert!(scene.sync().await && scene.sync().await);
    scene.assert_equal();
}

/// GitLab's answer to what took it too long.
const TOO_MUCH: (StatusCode, &str) = (
    StatusCode::SERVICE_UNAVAILABLE,
    r#"{"errors":[{"message":"Request timed out. Please try a less complex query or a smaller set of records."}]}"#,
);

/// Whether a request asks for more than three of anything, or for more than 30 notes of one row.
fn is_much(call: &Call<'_>) -> bool {
    let Call::Query(body) = call else { return false };
    let query = body["query"].as_str().unwrap_or_default();
    let is_notes = query.starts_with("query Notes(") || query.starts_with("query MoreNotes(");
    let notes: u64 = query
        .split("notes(first: ")
        .skip(1)
        .filter_map(|rest| rest.split([',', ')']).next()?.parse::<u64>().ok())
        .sum();
    let more = |value: &Json| match value {
        Json::Number(number) => number.as_u64() > Some(3),
        Json::Array(named) => named.len() > 3,
        _ => false,
    };
    let variables = body["variables"].as_object().into_iter().flatten();
    is_notes && notes > 30
        || variables
            .filter(|(name, _)| *name != "path")
            .any(|(_, value)| more(value))
}

#[tokio::test(start_paused = true)]
async fn what_gitlab_finds_too_much_is_asked_for_in_smaller_pages_everywhere() {
    let mut scene = Scene::new(5, 25);
    // One with more notes than come with it.
    let talked = scene.stand.with_world(|world| {
        let row = world
            .merge_requests
            .iter()
            .find(|row| row.state == State::Opened && !row.hidden);
        let row = row.expect("an open merge request");
        let project = world.projects.iter().find(|project| project.id == row.project);
        (project.expect("a project").full_path(), row.iid)
    });
    let (path, iid) = talked;
    for _ in 0..130 {
        scene.stand.apply(&Change {
            project: Some(path.clone()),
            iid: Some(iid),
            ..Change::of(Kind::Comment)
        });
    }
    let (much, refused) = (Arc::new(Mutex::new(BTreeMap::new())), Arc::new(AtomicU64::new(0)));
    let (told, counted) = (much.clone(), refused.clone());
    scene.between = Some(Arc::new(move |call| {
        let Call::Query(body) = call else { return None };
        let name = body["query"].as_str()?.split(['(', ' ']).nth(1)?.to_owned();
        let is_much = is_much(call);
        *lock(&told).entry(name).or_insert(0) += u64::from(is_much);
        counted.fetch_add(u64::from(is_much), Ordering::Relaxed);
        is_much.then_some(TOO_MUCH)
    }));
    assert!(scene.sync().await);
    scene.assert_equal();
    let refused_before = refused.load(Ordering::Relaxed);

    // And by webhook.
    let client = scene.client();
    let instance = gitlab::probe(&client, &[], &[]).await.expect("it answers");
    let session = Session::new(
        &scene.options,
        &client,
        &scene.streams,
        &scene.memory,
        instance,
        Shutdown::default(),
    );
    let (sha, branch, iids) = scene.stand.with_world(|world| {
        let of = |id: u64| world.projects.iter().any(|row| row.id == id && row.full_path() == path);
        let rows: Vec<_> = world.merge_requests.iter().filter(|row| of(row.project)).collect();
        let pipeline = world.pipelines.iter().find(|row| of(row.project)).expect("a pipeline");
        (
            hex(&pipeline.sha),
            rows[0].source_branch.to_string(),
            rows.iter().take(6).map(|row| i64::from(row.iid)).collect(),
        )
    });
    let wanted = Refetch {
        project: path,
        merge_requests: iids,
        pipelines_of: Some(sha),
        branch: Some(branch),
        ..Refetch::default()
    };
    let mut rows = Rows::default();
    lookup::refetch(&session, &[wanted], &mut rows)
        .await
        .expect("it is read");
    commit(&session, rows, None).await.expect("it is written");
    assert!(refused.load(Ordering::Relaxed) > refused_before, "{:?}", lock(&much));
    scene.assert_equal();
    let much = lock(&much);
    for name in [
        "MergeRequests",
        "Issues",
        "Users",
        "Dimensions",
        "Dimension",
        "Owned",
        "IdsOfProjects",
        "IdsOfMergeRequestsOfProjects",
        "IdsOfPipelines",
        "Pipelines",
        "MoreNotes",
        "ByIids",
        "PipelinesOf",
        "OfBranch",
    ] {
        assert!(much.get(name) > Some(&0), "{name} was never too much: {much:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_list_of_the_rest_api_is_committed_in_parts_and_goes_on_where_it_was_left() {
    let mut scene = Scene::new(1, 80);
    scene.options.streams.insert("jobs".into());
    scene.request.streams = vec!["jobs".into()];
    (scene.options, scene.only) = scene.request.narrow(scene.options, &scene.streams);
    scene.options.deadline = Duration::ZERO;
    scene.syncs().await;
    let expected = scene
        .stand
        .with_world(|world| rest::rows(world, "jobs", None))
        .expect("a table");
    let texts = |rows: Vec<Json>| rows.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert!(expected.len() > 350, "too few to prove anything: {}", expected.len());
    assert!(texts(scene.memory.rows("jobs")) == texts(expected), "a job differs");
    let most = scene.memory.largest_batch("jobs");
    assert!(most <= 300, "{most} jobs in one commit");
}

#[test]
fn the_same_seed_lives_the_same_history() {
    let trace = |seed| {
        let runtime = runtime();
        runtime.block_on(live(seed)).expect("it goes well")
    };
    let first = trace(3);
    assert_ne!(first, 0);
    assert_eq!(first, trace(3));
}
