//! `Group`.

use super::super::plan::Field;
use super::super::run::{Outcome, Run};
use super::{arguments, issues, label, merge_requests, milestone, project};
use crate::data::{BASE_URL, Column, Group, Order, Project, SortKey, is_below, projects_below, projects_where};

pub fn group<'a>(run: &mut Run<'a>, fields: &'a [Field], row: &'a Group) -> Outcome {
    let world = run.world;
    run.row(("Group", row.id), fields, |run, field| match field.name.as_str() {
        "id" => run.gid("Group", row.id),
        "name" => run.text(&row.name),
        "path" => run.text(row.path()),
        "fullPath" => run.text(&row.full_path),
        "fullName" => run.text(&world.namespace_name(&row.full_path)),
        "description" => run.maybe(row.description.as_deref(), Run::text),
        "visibility" => run.word(row.visibility),
        "parent" => {
            let parent = row.parent.and_then(|id| world.groups.get(id));
            run.maybe(parent, |run, parent| group(run, &field.selection, parent))
        }
        "webUrl" => run.word(format_args!("{BASE_URL}/groups/{}", row.full_path)),
        "descendantGroups" => descendants(run, field, row),
        "labels" => label::of_a_group(run, field, row),
        "milestones" => milestone::of_a_group(run, field, row),
        "mergeRequests" => {
            let projects = listed(run, field, row);
            merge_requests::connection(run, field, &projects)
        }
        "issues" => {
            let projects = listed(run, field, row);
            issues::connection(run, field, &projects)
        }
        _ => {
            let ids = arguments::ids(run, field, "Project")?;
            let subgroups = field.flag("includeSubgroups").unwrap_or(false);
            let archived = field.flag("includeArchived").unwrap_or(true);
            let below = projects_below(world, &row.full_path, subgroups, archived);
            let mut rows = projects_where(below, ids.as_deref(), field.text("search"));
            rows.reverse();
            project::connection(run, field, &rows)
        }
    })
}

/// The projects whose rows a list of the group shows. Both arguments are off unless given: an unaware query misses
/// subgroups and archived projects.
fn listed<'a>(run: &Run<'a>, field: &Field, row: &'a Group) -> Vec<&'a Project> {
    let subgroups = field.flag("includeSubgroups").unwrap_or(false);
    let archived = field.flag("includeArchived").unwrap_or(false);
    projects_below(run.world, &row.full_path, subgroups, archived).collect()
}

/// The groups below, newest first; only those directly below if the argument says so.
fn descendants<'a>(run: &mut Run<'a>, field: &'a Field, row: &'a Group) -> Outcome {
    let world = run.world;
    let all = field.flag("includeParentDescendants").unwrap_or(true);
    let search = field.text("search").map(str::to_lowercase);
    let below: Vec<&Group> = world
        .groups
        .iter()
        .rev()
        .filter(|other| other.id != row.id && is_below(&other.full_path, &row.full_path))
        .filter(|other| all || other.parent == Some(row.id))
        .filter(|other| {
            search
                .as_ref()
                .is_none_or(|search| other.name.to_lowercase().contains(search) || other.path().contains(search))
        })
        .collect();
    let rows = |_| below.iter().map(|other| ((SortKey::Time(None), other.id), *other));
    run.connection(field, Order::descending(Column::Id), rows, |_| true, group)
}
