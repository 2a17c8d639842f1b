//! The HTTP server: GitLab's API, and beside it `/_sim`, where tests look behind the scenes.

mod api;
mod control;
mod faults;
mod stats;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde_json::json;

use crate::data::World;
use crate::graphql::Api;
use crate::journal::Journal;
use faults::Faults;
use stats::Stats;

struct State {
    world: RwLock<World>,
    api: Api,
    journal: Mutex<Journal>,
    tokens: Vec<String>,
    stats: Mutex<Stats>,
    faults: Mutex<Faults>,
}

type Shared = Arc<State>;

impl State {
    fn world(&self) -> RwLockReadGuard<'_, World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn world_mut(&self) -> RwLockWriteGuard<'_, World> {
        self.world.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The whole server; `tokens` are let in.
pub fn app(world: World, journal: Journal, tokens: Vec<String>) -> Router {
    let state = Arc::new(State {
        api: Api::new(world.enterprise),
        world: RwLock::new(world),
        journal: Mutex::new(journal),
        tokens,
        stats: Mutex::default(),
        faults: Mutex::default(),
    });
    Router::new()
        .route(
            "/healthz",
            get(|| async { Json(json!({"status": "ok", "service": "gitlab-sim"})) }),
        )
        .route("/api/graphql", post(api::graphql))
        .route("/api/v4/version", get(api::version))
        .route("/api/v4/metadata", get(api::version))
        .route("/api/v4/personal_access_tokens/self", get(api::token))
        .route("/_sim/stats", get(control::stats))
        .route("/_sim/stats/reset", post(control::reset_stats))
        .route("/_sim/rows/{table}", get(control::rows))
        .route("/_sim/changes", post(control::change))
        .route("/_sim/faults", post(control::set_faults).delete(control::clear_faults))
        .fallback(any(api::unknown))
        .with_state(state)
}
