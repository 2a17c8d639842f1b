//! `Note`.

use super::super::plan::Field;
use super::super::run::{Outcome, Run};
use super::user;
use crate::data::{Column, Note, Order, SortKey, note_url};

/// The notes of a merge request or an issue, oldest first.
pub fn connection<'a>(run: &mut Run<'a>, field: &'a Field, ids: &'a [u64]) -> Outcome {
    let world = run.world;
    let system = match field.text("filter") {
        Some("ONLY_ACTIVITY") => Some(true),
        Some("ONLY_COMMENTS") => Some(false),
        _ => None,
    };
    let rows = |_| {
        let notes = ids.iter().filter_map(|id| world.notes.get(*id));
        notes
            .filter(move |row| system.is_none_or(|system| row.icon.is_some() == system))
            .map(|row| ((SortKey::Time(Some(row.created_at)), row.id), row))
    };
    run.connection(field, Order::ascending(Column::Created), rows, |_| true, note)
}

fn note<'a>(run: &mut Run<'a>, fields: &'a [Field], row: &'a Note) -> Outcome {
    let world = run.world;
    run.row(("Note", row.id), fields, |run, field| match field.name.as_str() {
        // Comments on a diff have a class, and so a global id, of their own.
        "id" => run.gid(if row.resolvable { "DiffNote" } else { "Note" }, row.id),
        "author" => {
            let author = row.author.and_then(|id| world.users.get(id));
            run.maybe(author, |run, author| user::user(run, &field.selection, author, None))
        }
        "body" => run.text(&row.body.read()),
        "system" => run.flag(row.icon.is_some()),
        "systemNoteIconName" => run.maybe(row.icon, Run::word),
        "internal" => run.flag(row.internal),
        "resolvable" => run.flag(row.resolvable),
        "resolved" => run.flag(row.resolved_at.is_some()),
        "resolvedAt" => run.maybe(row.resolved_at, Run::time),
        "createdAt" => run.time(row.created_at),
        "updatedAt" => run.time(row.updated_at),
        _ => run.maybe(note_url(world, row), Run::word),
    })
}
