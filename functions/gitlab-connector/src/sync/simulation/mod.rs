//! The property that everything rests on: whatever happens in GitLab, and wherever a sync is stopped, the
//! next one that comes to its end leaves the raw tables equal to GitLab.
//!
//! Each history is made of random changes of the simulated GitLab, some of them while pages are being
//! read, of replicas that lag, of answers that fail, and of commits after or before which the process dies.
//! `HISTORIES` sets their number and `HISTORY` runs a single one again.

mod added;
mod belonging;
mod compare;
mod dead_ends;
mod endless;
mod excluded;
mod fake_gitlab;
mod fuzz;
mod held;
mod joining;
mod lagging;
mod ledger;
mod long_lists;
mod memory;
mod odd;
mod requests;
mod rest_rows;
mod scene;
mod scenes;
mod single;
mod state;
mod untold;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use gitlab_sim::changes::Kind;
use gitlab_sim::generate::{self, Sizes};
use gitlab_sim::random::Random;
use mergemind_shared::functions_framework::Shutdown;

use crate::config::Options;
use crate::gitlab::{self, Client};
use crate::streams::{Stream, Streams};
use crate::sync::error::Error;
use crate::sync::pass::Pass;
use crate::sync::request::Request;
use crate::sync::session::{IDS, Session};
use crate::sync::simulation::compare::{compare, scope_of};
use crate::sync::simulation::fake_gitlab::FakeGitlab;
use crate::sync::simulation::memory::Memory;
use crate::sync::state::Cursors;
use crate::sync::{passes, plan};

/// In every test run; `HISTORIES=5000` for more, `HISTORIES=2500..5000` for a part of them.
const HISTORIES: u64 = 12;

/// 2026-01-05, a Monday, in microseconds since 1970.
const BEGINNING: i64 = 1_767_571_200_000_000;

#[test]
fn random_histories_end_with_raw_tables_equal_to_gitlab() {
    let told = |name: &str| std::env::var(name).unwrap_or_default();
    let (one, many) = (told("HISTORY"), told("HISTORIES"));
    let (from, until) = many.split_once("..").unwrap_or(("0", &many));
    let number = |text: &str| text.parse::<u64>().ok();
    let seeds = match number(&one) {
        Some(one) => one..one + 1,
        None => number(from).unwrap_or(0)..number(until).unwrap_or(HISTORIES),
    };
    for seed in seeds {
        if seed > 0 && seed % 500 == 0 {
            eprintln!("{seed} histories went well");
        }
        let _teller = Teller(seed);
        let runtime = runtime();
        if let Err(difference) = runtime.block_on(live(seed)) {
            panic!("history {seed}: {difference}");
        }
    }
}

/// One whose clock jumps over all waiting.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime")
}

/// Tells which history it was if something in it panics.
struct Teller(u64);

impl Drop for Teller {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("run it again with HISTORY={}", self.0);
        }
    }
}

/// Lives through a history, and tells the first difference at its end, or what stands for all its requests.
async fn live(seed: u64) -> Result<u64, String> {
    let random = &mut Random::of(seed, 700, 0);
    let sizes = Sizes {
        seed,
        projects: 2 + random.below(4) as u32,
        merge_requests: 5 + random.below(40) as u32,
        months: 2,
        hidden_percent: [0.0, 10.0, 40.0][random.below(3) as usize],
        hidden_run: random.below(12) as u32,
        enterprise: random.below(4) > 0,
        deployments: 0,
        anchor: BEGINNING,
    };
    let stand = Arc::new(FakeGitlab::new(generate::world(&sizes), seed));
    let memory = Memory::new(seed);
    let streams = Streams::new();
    let mut cursors = Cursors::new();
    // A group, or its projects one by one, as they are found at the beginning of each sync.
    let single = random.below(3) == 0;
    let rounds = 3 + random.below(6);
    for _ in 0..rounds {
        for _ in 0..random.below(8) {
            stand.change(random);
        }
        stand.disturb(random);
        memory.disturb(random);
        let request = Request {
            reconcile: random.below(6) == 0,
            full_refresh: random.below(15) == 0,
            streams: some_of(&["mr_notes", "issues", "pipelines"], random),
            ..Request::default()
        };
        let off = some_of(
            &["mr_notes", "mr_labels", "issue_notes", "pipelines", "milestones"],
            random,
        );
        // Whatever stops it, the next one goes on from what is committed.
        let _ = sync(
            &stand,
            &memory,
            &streams,
            &mut cursors,
            (&request, &off, single),
            random,
        )
        .await;
        let pause = [20, 90, 400, 4_000, 100_000][random.below(5) as usize];
        stand.wait(Duration::from_secs(pause));
    }
    stand.calm();
    memory.calm();
    stand.wait(Duration::from_secs(600));
    let request = Request {
        reconcile: true,
        confirm_deletions: true,
        ..Request::default()
    };
    for attempt in 0..3 {
        match sync(&stand, &memory, &streams, &mut cursors, (&request, &[], single), random).await {
            Ok(true) if attempt > 0 => break,
            Ok(_) => {}
            Err(error) => return Err(format!("a calm sync failed: {error}")),
        }
    }
    stand.with_world(|world| compare(world, &memory, single))?;
    Ok(stand.trace())
}

/// Once in a while one of these.
fn some_of(names: &[&str], random: &mut Random) -> Vec<String> {
    let place = random.below(4 * names.len() as u64) as usize;
    names.get(place).map(|name| (*name).to_owned()).into_iter().collect()
}

/// One sync with pages of a random size, and with some streams switched off; whether it came to its end.
async fn sync(
    stand: &Arc<FakeGitlab>,
    memory: &Memory,
    streams: &Streams,
    cursors: &mut Cursors,
    (request, off, single): (&Request, &[String], bool),
    random: &mut Random,
) -> Result<bool, Error> {
    // A process that died knows only what is committed.
    *cursors = memory.cursors();
    let answering = stand.clone();
    let client = Client::of_fake(Box::new(move |call| answering.answer(call)), random.below(1 << 60));
    let mut options = options(streams);
    options.streams.retain(|stream| !off.contains(stream));
    let (options, only) = request.narrow(options, streams);
    let scope = stand.with_world(|world| scope_of(world, single));
    let instance = gitlab::probe(
        &client,
        &streams.types(),
        &plan::lists_to_probe(std::slice::from_ref(&scope), cursors, request),
    )
    .await?;
    let mut session = Session::new(&options, &client, streams, memory, instance, Shutdown::default());
    session.only = only;
    for list in ["merge_requests", "issues", "pipelines", "projects", IDS] {
        session.pages.insert(list, 1 + random.below(100) as u32);
    }
    session.notes_inside = 1 + random.below(40) as u32;
    session.rows_of_each = 1 + random.below(20) as u32;
    let outcome = passes::run_scopes(&session, &[scope], cursors, request).await?;
    Ok(outcome.complete)
}

fn options(streams: &Streams) -> Options {
    let usual = streams.all().filter(|stream| stream.usual).map(Stream::name);
    Options::of_streams(usual.chain(["issue_notes"]))
}

/// Changes that histories are made of.
fn any_kind(random: &mut Random) -> Kind {
    Kind::ALL[random.below(Kind::ALL.len() as u64) as usize]
}
