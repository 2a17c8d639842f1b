//! `Label`. Its global id tells whether it belongs to a group or to a project, and nothing tells to which one: a client
//! learns that from where it is listed.

use super::super::plan::Field;
use super::super::run::{Outcome, Run};
use crate::data::{Column, Group, Label, Order, Owner, Project, SortKey, is_below};

/// The labels on a merge request or an issue, by title.
pub fn of_a_row<'a>(run: &mut Run<'a>, field: &'a Field, ids: &[u64]) -> Outcome {
    let world = run.world;
    let labels = ids.iter().filter_map(|id| world.labels.get(*id)).collect();
    by_title(run, field, labels)
}

/// The labels that a project's own page lists: its own, those of its group, and those of the groups above on demand.
pub fn of_a_project<'a>(run: &mut Run<'a>, field: &'a Field, project: &'a Project) -> Outcome {
    let world = run.world;
    let ancestors = field.flag("includeAncestorGroups").unwrap_or(false);
    let labels = world.labels.iter().filter(|label| match label.owner {
        Owner::Project(id) => id == project.id,
        Owner::Group(_) if ancestors => world.is_available(label.owner, project),
        Owner::Group(id) => world
            .groups
            .get(id)
            .is_some_and(|group| group.full_path == project.namespace),
    });
    by_title(run, field, labels.collect())
}

/// The labels of a group; of the projects in it, unless they are not wanted; of groups above and below on demand.
pub fn of_a_group<'a>(run: &mut Run<'a>, field: &'a Field, group: &'a Group) -> Outcome {
    let world = run.world;
    let flag = |argument| field.flag(argument).unwrap_or(false);
    let (above, below) = (flag("includeAncestorGroups"), flag("includeDescendantGroups"));
    let wanted = |path: &str| {
        path == group.full_path
            || above && is_below(&group.full_path, path)
            || below && is_below(path, &group.full_path)
    };
    let labels = world.labels.iter().filter(|label| match label.owner {
        Owner::Group(id) => world.groups.get(id).is_some_and(|owner| wanted(&owner.full_path)),
        Owner::Project(id) => {
            !flag("onlyGroupLabels") && world.projects.get(id).is_some_and(|owner| wanted(&owner.namespace))
        }
    });
    by_title(run, field, labels.collect())
}

fn by_title<'a>(run: &mut Run<'a>, field: &'a Field, mut labels: Vec<&'a Label>) -> Outcome {
    if let Some(term) = field.text("searchTerm").map(str::to_lowercase) {
        labels.retain(|label| label.title.to_lowercase().contains(&term));
    }
    labels.sort_by(|a, b| (&a.title, a.id).cmp(&(&b.title, b.id)));
    let rows = |_| {
        labels
            .iter()
            .map(|row| ((SortKey::Text(row.title.clone()), row.id), *row))
    };
    run.connection(field, Order::ascending(Column::Title), rows, |_| true, label)
}

fn label<'a>(run: &mut Run<'a>, fields: &'a [Field], row: &'a Label) -> Outcome {
    let kind = match row.owner {
        Owner::Group(_) => "GroupLabel",
        Owner::Project(_) => "ProjectLabel",
    };
    run.row(("Label", row.id), fields, |run, field| match field.name.as_str() {
        "id" => run.gid(kind, row.id),
        "title" => run.text(&row.title),
        "color" => run.word(row.color),
        "createdAt" => run.time(row.created_at),
        "updatedAt" => run.time(row.updated_at),
        _ => run.maybe(row.description, Run::text),
    })
}
