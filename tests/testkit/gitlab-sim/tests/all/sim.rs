//! A simulator inside the test.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use gitlab_sim::data::Version;
use gitlab_sim::generate::Sizes;
use gitlab_sim::instant;
use gitlab_sim::journal::Journal;
use gitlab_sim::server::{State, serve};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::http::{Answer, send};

pub const TOKEN: &str = "glpat-of-a-test";

/// A small GitLab, the same in every run; it ended long ago, so that no change is throttled by accident.
pub fn sizes(merge_requests: u32) -> Sizes {
    Sizes {
        seed: 5,
        projects: 5,
        merge_requests,
        months: 6,
        hidden_percent: 2.0,
        hidden_run: 0,
        enterprise: true,
        deployments: 0,
        anchor: instant::parse("2025-06-02T12:00:00Z").expect("a time"),
    }
}

/// The number at the end of a global id.
pub fn number(gid: &Value) -> Option<u64> {
    gid.as_str()?.rsplit('/').next()?.parse().ok()
}

pub struct Sim {
    runtime: Option<Runtime>,
    address: SocketAddr,
}

impl Sim {
    pub fn start(sizes: &Sizes) -> Self {
        Self::run(Journal::none(sizes))
    }

    /// One that plays another version of GitLab.
    pub fn with_version(sizes: &Sizes, version: Version) -> Self {
        let (journal, mut world) = Journal::none(sizes);
        world.version = version;
        Self::run((journal, world))
    }

    pub fn with_journal(sizes: &Sizes, path: &Path) -> Self {
        Self::run(Journal::open(path, sizes).expect("a journal"))
    }

    fn run((journal, world): (Journal, gitlab_sim::data::World)) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = State::new(world, journal, vec![TOKEN.to_owned()], 2000);
        runtime.spawn(async { serve(listener, state).await });
        Self {
            runtime: Some(runtime),
            address,
        }
    }

    pub fn send(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> io::Result<Answer> {
        send(self.address, method, path, token, body)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, Some(TOKEN), "").expect("an answer")
    }

    /// Sends a GraphQL query, whatever comes of it.
    pub fn try_query(&self, query: &str, variables: &Value) -> io::Result<Answer> {
        let body = json!({"query": query, "variables": variables});
        self.send("POST", "/api/graphql", Some(TOKEN), &body.to_string())
    }

    /// The data of a query that must succeed.
    pub fn data(&self, query: &str, variables: &Value) -> Value {
        let answer = self.try_query(query, variables).expect("an answer").json();
        assert!(answer["errors"].is_null(), "{query}: {answer:#}");
        answer["data"].clone()
    }

    pub fn rows(&self, table: &str) -> Vec<Value> {
        match self.get(&format!("/_sim/rows/{table}")).json() {
            Value::Array(rows) => rows,
            other => panic!("{table}: {other}"),
        }
    }

    pub fn try_change(&self, change: &Value) -> Answer {
        self.send("POST", "/_sim/changes", None, &change.to_string())
            .expect("an answer")
    }

    pub fn change(&self, change: &Value) -> Value {
        let answer = self.try_change(change);
        assert_eq!(answer.status, 200, "{change}: {}", answer.json());
        answer.json()
    }

    pub fn faults(&self, faults: &Value) {
        let answer = self.send("POST", "/_sim/faults", None, &faults.to_string());
        assert_eq!(answer.expect("an answer").status, 200, "{faults}");
    }

    pub fn stats(&self) -> Value {
        self.get("/_sim/stats").json()
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
