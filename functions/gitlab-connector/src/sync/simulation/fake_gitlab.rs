//! A simulated GitLab in this process, with a clock of its own and all its moods.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gitlab_sim::changes::{Change, apply};
use gitlab_sim::data::World;
use gitlab_sim::graphql::{self, Api};
use gitlab_sim::instant;
use gitlab_sim::poison::Poisoned;
use gitlab_sim::random::Random;
use gitlab_sim::rest;
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap};
use serde_json::json;

use crate::gitlab::{Call, Selection, score};
use crate::sync::simulation::any_kind;

/// How long a replica lags behind at most, in microseconds.
const LAG: i64 = 4_000_000;

pub struct FakeGitlab(Mutex<State>);

struct State {
    api: Api,
    world: World,
    /// Earlier states, for replicas that lag: with the time until which they were true.
    past: Vec<(i64, World)>,
    now: i64,
    random: Random,
    /// Per cent of requests during which something changes, that a lagging replica answers, and that fail.
    edits: u64,
    lags: u64,
    failures: u64,
    trace: u64,
    poisoned: Vec<Poisoned>,
}

impl FakeGitlab {
    pub fn new(world: World, seed: u64) -> Self {
        let now = world.newest + 1_000_000;
        Self(Mutex::new(State {
            api: Api::new(world.enterprise, world.version),
            world,
            past: Vec::new(),
            now,
            random: Random::of(seed, 701, 0),
            edits: 0,
            lags: 0,
            failures: 0,
            trace: 0,
            poisoned: Vec::new(),
        }))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn with_world<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.state().world)
    }

    pub fn wait(&self, time: Duration) {
        self.state().now += time.as_micros() as i64;
    }

    /// Sets the moods of the next sync.
    pub fn disturb(&self, random: &mut Random) {
        let mut state = self.state();
        state.edits = [0, 0, 20, 60][random.below(4) as usize];
        state.lags = [0, 0, 30][random.below(3) as usize];
        state.failures = [0, 0, 10][random.below(3) as usize];
    }

    pub fn calm(&self) {
        let mut state = self.state();
        (state.edits, state.lags, state.failures) = (0, 0, 0);
    }

    /// Something changes, now or some seconds later.
    pub fn change(&self, random: &mut Random) {
        let mut state = self.state();
        state.now += [0, 0, 700_000, 20_000_000, 100_000_000][random.below(5) as usize];
        state.change(random);
    }

    /// This change, now; it must fit.
    pub fn apply(&self, change: &Change) {
        let mut state = self.state();
        state.now = state.now.max(state.world.newest) + 61_000_000;
        let now = state.now;
        apply(&mut state.world, change, now).expect("it fits");
    }

    /// Its clock is so far behind its newest row, as after an import or on a server with a wrong clock.
    pub fn fall_behind(&self, time: Duration) {
        let mut state = self.state();
        state.now = state.world.newest - time.as_micros() as i64;
    }

    /// From now on it fails at these.
    pub fn poison(&self, poisoned: serde_json::Value) {
        self.state().poisoned = serde_json::from_value(poisoned).expect("poison");
    }

    /// Whatever has no kind of change of its own, now.
    pub fn edit(&self, edit: impl FnOnce(&mut World, i64)) {
        let mut state = self.state();
        state.now = state.now.max(state.world.newest) + 61_000_000;
        let now = state.now;
        edit(&mut state.world, now);
    }

    pub fn answer(&self, call: &Call<'_>) -> (StatusCode, HeaderMap, Vec<u8>) {
        self.state().answer(call)
    }

    /// Stands for all requests so far: whether two lives were the same.
    pub fn trace(&self) -> u64 {
        self.state().trace
    }
}

impl State {
    fn change(&mut self, random: &mut Random) {
        let mut change = Change::of(any_kind(random));
        change.seed = Some(random.below(1 << 40));
        change.count = Some(3);
        let before = self.world.clone();
        // GitLab's times ascend: nothing changes before the newest change.
        self.now = self.now.max(self.world.newest);
        if apply(&mut self.world, &change, self.now).is_ok() {
            let until = self.now;
            self.past.push((until, before));
        }
        let oldest = self.now - LAG;
        self.past.retain(|(until, _)| *until >= oldest);
    }

    fn answer(&mut self, call: &Call<'_>) -> (StatusCode, HeaderMap, Vec<u8>) {
        let text = match call {
            Call::Query(body) => body.to_string(),
            Call::Page(path) => (*path).to_owned(),
        };
        self.trace = xxhash_rust::xxh3::xxh3_64_with_seed(text.as_bytes(), self.trace);
        self.now += 50_000 + self.random.below(1_500_000) as i64;
        let mut random = self.random.clone();
        if random.below(100) < self.edits {
            self.change(&mut random);
        }
        let mut headers = HeaderMap::new();
        let date = instant::print_http(self.now);
        headers.insert(DATE, date.parse().expect("a date"));
        let failure = random.below(100) < self.failures;
        let kind = random.below(4);
        let lag = (random.below(100) < self.lags).then(|| self.now - random.below(LAG as u64) as i64);
        self.random = random;
        if failure {
            let (status, text): (u16, &[u8]) = match kind {
                0 => (502, b"<html>bad gateway"),
                1 => (429, b"Retry later"),
                2 if matches!(call, Call::Page(_)) => (500, b"{}"),
                2 => (
                    200,
                    br#"{"data":{"scope":null},"errors":[{"message":"Internal server error"}]}"#,
                ),
                _ => (200, br#"{"data":{"scope":{"#),
            };
            return (StatusCode::from_u16(status).expect("a status"), headers, text.to_vec());
        }
        let world = lag
            .and_then(|at| self.past.iter().find(|(until, _)| at < *until))
            .map_or(&self.world, |(_, world)| world);
        match call {
            Call::Query(body) => {
                let (requests, _) = graphql::read(body).expect("a request");
                let answer = graphql::answer_poisoned(&self.api, world, &self.poisoned, &requests[0], 250);
                let query = Selection::read(&requests[0].query, &body["variables"]);
                // A query with a field that is not known has none.
                if !answer.failed || answer.complexity > 0 {
                    assert_eq!(score(&query), answer.complexity, "{}", requests[0].query);
                }
                (StatusCode::OK, headers, answer.body.into_bytes())
            }
            Call::Page(path) => page(world, path, self.now, headers),
        }
    }
}

/// A page of the REST API.
fn page(world: &World, path: &str, now: i64, mut headers: HeaderMap) -> (StatusCode, HeaderMap, Vec<u8>) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let token = rest::Token {
        scopes: vec!["read_api".into()],
        expires_at: None,
    };
    let reply = rest::answer(&rest::Request {
        world,
        path: &format!("/api/v4/{path}"),
        query,
        base: "http://gitlab.invalid",
        token: &token,
        now,
    });
    for (name, value) in &reply.headers {
        headers.insert(*name, value.parse().expect("a header"));
    }
    let status = StatusCode::from_u16(reply.status).expect("a status");
    (status, headers, json!(reply.body).to_string().into_bytes())
}
