//! `/projects/:id/pipelines`, and one of them.

use serde_json::{Value, json};

use super::format::{project_url, time, time_or_null};
use super::page::Length;
use super::request::{Call, Reply};
use super::users::basic;
use crate::data::{Pipeline, Project, hex};

/// The newest first.
pub fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    let project = call.project()?;
    let (after, before) = (call.instant("updated_after")?, call.instant("updated_before")?);
    let rows = project.pipelines.iter().rev();
    let rows = rows.filter_map(|id| call.world().pipelines.get(*id)).filter(|row| {
        after.is_none_or(|after| row.updated_at >= after) && before.is_none_or(|before| row.updated_at <= before)
    });
    call.page(rows, Length::Told, |row| brief(project, row))
}

pub fn one(call: &Call<'_>) -> Result<Reply, Reply> {
    let project = call.project()?;
    let id = call.names[1].parse().ok().filter(|id| project.pipelines.contains(id));
    let row = id.and_then(|id| call.world().pipelines.get(id));
    let row = row.ok_or_else(|| Reply::not_found("Pipeline"))?;
    let mut body = brief(project, row);
    body["user"] = json!(row.user.and_then(|id| call.world().users.get(id)).map(basic));
    for (name, at) in [
        ("started_at", row.started_at),
        ("finished_at", row.finished_at),
        ("committed_at", row.committed_at),
    ] {
        body[name] = time_or_null(at);
    }
    body["duration"] = json!(row.duration);
    body["queued_duration"] = json!(row.queued_duration);
    body["coverage"] = json!(row.coverage.map(|coverage| format!("{coverage:.2}")));
    Ok(Reply::of(body))
}

/// A pipeline as it stands in lists.
pub fn brief(project: &Project, row: &Pipeline) -> Value {
    json!({
        "id": row.id, "iid": row.iid, "project_id": row.project, "sha": hex(&row.sha), "ref": row.git_ref,
        "status": row.status.to_lowercase(), "source": row.source, "created_at": time(row.created_at),
        "updated_at": time(row.updated_at), "name": null,
        "web_url": format!("{}/-/pipelines/{}", project_url(project), row.id),
    })
}
