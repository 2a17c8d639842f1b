//! `Pipeline`.

use super::super::plan::Field;
use super::super::run::{Outcome, Run};
use super::{arguments, user};
use crate::data::{Column, Order, Pipeline, SortKey, hex};

/// Those of `rows` (newest first) that the field's arguments choose.
pub fn connection<'a>(
    run: &mut Run<'a>,
    field: &'a Field,
    rows: impl Iterator<Item = &'a Pipeline> + Clone,
) -> Outcome {
    let updated = arguments::span(run, field, "updated")?;
    let world = run.world;
    let wanted = |argument: &str, value: &str| field.text(argument).is_none_or(|wanted| wanted == value);
    let user = field
        .text("username")
        .map(|name| world.user_by_name(name).map(|user| user.id));
    let chosen = |_| {
        rows.clone()
            .filter(|row| wanted("ref", &row.git_ref) && wanted("status", row.status) && wanted("source", row.source))
            .filter(|row| field.text("sha").is_none_or(|sha| sha == hex(&row.sha)))
            .filter(|row| user.is_none_or(|user| user.is_some() && row.user == user))
            .filter(|row| updated.holds(Some(row.updated_at)))
            .map(|row| ((SortKey::Time(None), row.id), row))
    };
    run.connection(field, Order::descending(Column::Id), chosen, |_| true, pipeline)
}

pub fn pipeline<'a>(run: &mut Run<'a>, fields: &'a [Field], row: &'a Pipeline) -> Outcome {
    let world = run.world;
    run.row(("Ci::Pipeline", row.id), fields, |run, field| {
        match field.name.as_str() {
            "id" => run.gid("Ci::Pipeline", row.id),
            "iid" => run.word(row.iid),
            "active" => run.flag(matches!(
                row.status,
                "CREATED" | "PENDING" | "PREPARING" | "RUNNING" | "SCHEDULED"
            )),
            "ref" => run.text(&row.git_ref),
            "sha" => run.word(hex(&row.sha)),
            "source" => run.word(row.source),
            "status" => run.word(row.status),
            "user" => {
                let starter = row.user.and_then(|id| world.users.get(id));
                run.maybe(starter, |run, starter| user::user(run, &field.selection, starter, None))
            }
            "createdAt" => run.time(row.created_at),
            "updatedAt" => run.time(row.updated_at),
            "startedAt" => run.maybe(row.started_at, Run::time),
            "finishedAt" => run.maybe(row.finished_at, Run::time),
            "committedAt" => run.maybe(row.committed_at, Run::time),
            "duration" => run.maybe(row.duration, Run::number),
            "queuedDuration" => run.maybe(row.queued_duration, Run::number),
            _ => run.maybe(row.coverage, Run::number),
        }
    })
}
