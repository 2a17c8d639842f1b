//! `/_sim`: statistics, the truth, changes and faults. No token: it is for tests on the same machine.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::faults::Faults;
use super::stats::Stats;
use super::{Shared, lock};
use crate::changes::{Change, apply};
use crate::{instant, truth};

type Answer = (StatusCode, Json<Value>);

fn refuse(status: StatusCode, message: impl Into<String>) -> Answer {
    (status, Json(json!({"message": message.into()})))
}

pub async fn stats(State(state): State<Shared>) -> Json<Value> {
    Json(json!(*lock(&state.stats)))
}

pub async fn reset_stats(State(state): State<Shared>) -> Json<Value> {
    let mut stats = lock(&state.stats);
    *stats = Stats::default();
    Json(json!(*stats))
}

pub async fn rows(
    State(state): State<Shared>,
    Path(table): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    let world = state.world();
    let project = match query.get("project").map(|path| world.project_by_path(path)) {
        None => None,
        Some(Some(project)) => Some(project.id),
        Some(None) => return refuse(StatusCode::NOT_FOUND, "there is no such project"),
    };
    match truth::rows(&world, &table, project) {
        Some(rows) => (StatusCode::OK, Json(Value::Array(rows))),
        None => refuse(StatusCode::NOT_FOUND, format!("there is no table {table}")),
    }
}

pub async fn change(State(state): State<Shared>, Json(body): Json<Value>) -> Answer {
    let change: Change = match serde_json::from_value(body) {
        Ok(change) => change,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let mut world = state.world_mut();
    let at = instant::now().max(world.newest);
    match apply(&mut world, &change, at) {
        Ok(changed) => match lock(&state.journal).add(&change, at) {
            Ok(()) => (StatusCode::OK, Json(changed)),
            Err(error) => refuse(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("the journal can't be written: {error}"),
            ),
        },
        Err(problem) => refuse(StatusCode::CONFLICT, problem),
    }
}

pub async fn set_faults(State(state): State<Shared>, Json(body): Json<Value>) -> Answer {
    match serde_json::from_value::<Faults>(body) {
        Ok(faults) => {
            *lock(&state.faults) = faults;
            (StatusCode::OK, Json(json!({"status": "ok"})))
        }
        Err(error) => refuse(StatusCode::BAD_REQUEST, error.to_string()),
    }
}

pub async fn clear_faults(State(state): State<Shared>) -> Json<Value> {
    *lock(&state.faults) = Faults::default();
    Json(json!({"status": "ok"}))
}
