//! A client of the simulated GitLab, in the tests' own process.

use std::sync::{Arc, Mutex};

use gitlab_sim::data::World;
use gitlab_sim::generate::{self, Sizes};
use gitlab_sim::graphql::{self, Api};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value as Json;

use crate::gitlab::{Call, Client};

/// A small GitLab: a few projects below the group `acme`.
pub fn world() -> World {
    generate::world(&Sizes {
        seed: 5,
        projects: 6,
        merge_requests: 120,
        months: 2,
        hidden_percent: 0.0,
        hidden_run: 0,
        enterprise: true,
        deployments: 0,
        anchor: 1_767_225_600_000_000,
    })
}

/// What was asked, in order.
pub type Asked = Arc<Mutex<Vec<Json>>>;

/// Answers instead of GitLab, or changes its answer.
pub type Meddle = dyn Fn(&Json, &mut Json) -> Option<(StatusCode, &'static str)> + Send + Sync;

/// A client of this world, and what it asks.
pub fn client(world: World, limit: u32, meddle: Box<Meddle>) -> (Client, Asked) {
    let asked = Asked::default();
    let log = asked.clone();
    let api = Api::new(world.enterprise, world.version);
    let fake = move |call: &Call<'_>| {
        let Call::Query(body) = call else {
            return (StatusCode::NOT_FOUND, HeaderMap::new(), Vec::new());
        };
        log.lock().expect("one thread").push((*body).clone());
        let (requests, _) = graphql::read(body).expect("a request");
        let answer = graphql::answer(&api, &world, &requests[0], limit);
        let mut answer: Json = serde_json::from_str(&answer.body).expect("JSON");
        match meddle(body, &mut answer) {
            Some((status, body)) => (status, HeaderMap::new(), body.as_bytes().to_vec()),
            None => (StatusCode::OK, HeaderMap::new(), answer.to_string().into_bytes()),
        }
    };
    (Client::of_fake(Box::new(fake), 5), asked)
}
