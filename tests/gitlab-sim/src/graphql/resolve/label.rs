//! `Label` and `Milestone`: what merge requests are sorted by.

use super::super::plan::Field;
use super::super::run::{Outcome, Run};
use crate::data::{Column, Label, Milestone, Order, SortKey};

/// Labels by title.
pub fn connection<'a>(run: &mut Run<'a>, field: &'a Field, ids: &[u64]) -> Outcome {
    let world = run.world;
    let mut labels: Vec<&Label> = ids.iter().filter_map(|id| world.labels.get(*id)).collect();
    labels.sort_by(|a, b| a.title.cmp(&b.title));
    let rows = |_| {
        labels
            .iter()
            .map(|row| ((SortKey::Text(row.title.clone()), row.id), *row))
    };
    run.connection(field, Order::ascending(Column::Title), rows, |_| true, label)
}

fn label<'a>(run: &mut Run<'a>, fields: &'a [Field], row: &'a Label) -> Outcome {
    run.object(fields, |run, field| match field.name.as_str() {
        "id" => run.gid("GroupLabel", row.id),
        "title" => run.text(&row.title),
        "color" => run.word(row.color),
        _ => run.maybe(row.description, Run::text),
    })
}

pub fn milestone<'a>(run: &mut Run<'a>, fields: &'a [Field], row: &'a Milestone) -> Outcome {
    run.object(fields, |run, field| match field.name.as_str() {
        "id" => run.gid("Milestone", row.id),
        "iid" => run.word(row.iid),
        "title" => run.text(&row.title),
        "state" => run.word(if row.active { "active" } else { "closed" }),
        _ => run.time(row.due_date),
    })
}
