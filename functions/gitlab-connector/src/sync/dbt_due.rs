//! A commit that changes rows sets `dbt_due`; a successful dbt run clears it.

use axum::http::StatusCode;
use mergemind_shared::ApiError;
use mergemind_shared::functions_framework::{Shutdown, TraceContext};
use mergemind_shared::warehouse::{self, Commit, CursorMove};
use serde_json::{Value, json};

use crate::dbt;
use crate::sync::report::Summary;
use crate::sync::resources::Resources;
use crate::sync::state::Cursors;

/// Takes the place of a stream in the table of cursors: whether dbt has to run.
pub const DBT: &str = "dbt";
/// How its cursor begins while dbt has not run after rows that moved; the id of the sync follows.
const DUE: &str = "owed ";

/// What the table of cursors says while dbt has not run after this sync.
pub fn flag_of(sync_id: &str) -> String {
    format!("{DUE}{sync_id}")
}

/// What the table of cursors says if dbt has not run after an earlier sync.
pub fn pending(cursors: &mut Cursors) -> Option<String> {
    let said = cursors.remove(&(DBT.to_owned(), String::new()));
    said.filter(|cursor| cursor.starts_with(DUE))
}

/// Has dbt run if rows moved, now or in a sync after which it had not run, and adds its answer.
///
/// # Errors
/// 502 `dbt_failed` if dbt failed or could not be called; the details hold the whole answer, since the
/// sync itself is committed. The next sync then calls dbt again.
pub async fn run_dbt(
    inner: &Resources,
    summary: &Summary,
    mut answer: Value,
    trace: &TraceContext,
    shutdown: &Shutdown,
) -> Result<Value, ApiError> {
    let Some(trigger) = &inner.config.dbt else {
        answer["dbt"] = json!({"status": "skipped", "reason": "DBT_TRIGGER_URL is not set"});
        return Ok(answer);
    };
    let Some(flag) = &summary.dbt_due else {
        answer["dbt"] = json!({"status": "skipped", "reason": "nothing changed"});
        return Ok(answer);
    };
    if shutdown.requested() {
        answer["dbt"] =
            json!({"status": "skipped", "reason": "this function is being stopped; the next sync has dbt run"});
        return Ok(answer);
    }
    let info = json!({
        "sync_id": summary.sync_id,
        "sync_time": answer["started_at"],
        "project_count": summary.project_count,
        "interval_hours": inner.config.interval_hours,
        "changed_tables": summary.changed_tables(&inner.streams),
    });
    let called = tokio::select! {
        called = dbt::run(trigger, &info, trace, shutdown) => Some(called),
        () = shutdown.wait() => None,
    };
    let Some((ok, said)) = called else {
        answer["dbt"] = json!({"status": "left", "reason": "this function was stopped while dbt ran; the next sync has it run again"});
        return Ok(answer);
    };
    log(&said);
    let message = said["message"]
        .as_str()
        .unwrap_or("dbt-trigger gave no reason")
        .to_owned();
    answer["dbt"] = said;
    if !ok {
        let error = ApiError::new(
            StatusCode::BAD_GATEWAY,
            "dbt_failed",
            format!("the sync is committed, but dbt failed: {message}"),
        );
        return Err(error
            .with_hint("mend what dbt names and call dbt-trigger, or wait for the next sync, which calls it again: no data is lost")
            .with_details(answer));
    }
    clear(inner, flag).await;
    Ok(answer)
}

/// Has the live models built of what an event changed, before everything else that follows from it.
pub async fn run_live(inner: &Resources, summary: &Summary, trace: &TraceContext, shutdown: &Shutdown) {
    let Some(trigger) = inner.config.dbt.as_ref().filter(|_| summary.dbt_due.is_some()) else {
        return;
    };
    let info = json!({
        "sync_id": summary.sync_id,
        "changed_tables": summary.written_tables(&inner.streams),
        "changed_rows": summary.changed_rows,
    });
    tokio::select! {
        (ok, said) = dbt::run_live(trigger, &info, trace, shutdown) => {
            if !ok {
                tracing::warn!("live models could not be built at once, so they follow with all others: {}", said["message"]);
            }
        }
        () = shutdown.wait() => {}
    }
}

/// What dbt-trigger answered: whether a run was triggered, and how it ended.
fn log(answer: &Value) {
    let (run_id, status) = (answer["run_id"].as_str(), answer["status"].as_str());
    if run_id.is_some() {
        tracing::info!(event = "dbt_triggered", run_id, "Successfully triggered dbt run");
    }
    let shown = status.unwrap_or("unknown");
    match status {
        Some("success") => tracing::info!(event = "dbt_status", run_id, status, "dbt status: {shown}"),
        Some("warning") => tracing::warn!(event = "dbt_status", run_id, status, "dbt status: {shown}"),
        _ => tracing::error!(event = "dbt_status", run_id, status, "dbt status: {shown}"),
    }
}

/// Clears the flag, unless another sync has changed rows meanwhile: its own run is still due.
async fn clear(inner: &Resources, flag: &str) {
    let cursor = CursorMove {
        stream: DBT.into(),
        scope: String::new(),
        from: Some(flag.to_owned()),
        to: "done".into(),
        at: None,
    };
    let commit = Commit {
        cursor: Some(cursor),
        ..Commit::default()
    };
    match inner.warehouse.commit(commit).await {
        Ok(_) | Err(warehouse::Error::CursorMoved) => {}
        Err(error) => tracing::warn!("that dbt has run could not be noted, so the next sync has it run again: {error}"),
    }
}
