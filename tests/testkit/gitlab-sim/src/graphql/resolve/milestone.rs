//! `Milestone`.

use super::super::plan::Field;
use super::super::run::{Outcome, Run};
use super::{arguments, group, project};
use crate::data::{Column, Group, Milestone, Order, Owner, Project, SortKey, is_below, milestone_path};

/// A project's milestones, and those of the groups above on demand.
pub fn of_a_project<'a>(run: &mut Run<'a>, field: &'a Field, project: &'a Project) -> Outcome {
    let world = run.world;
    let ancestors = field.flag("includeAncestors").unwrap_or(false);
    let rows = world.milestones.iter().filter(|row| match row.owner {
        Owner::Project(id) => id == project.id,
        Owner::Group(_) => ancestors && world.is_available(row.owner, project),
    });
    connection(run, field, rows.collect())
}

/// A group's milestones; on demand those of the groups above, and those of the groups and projects below.
pub fn of_a_group<'a>(run: &mut Run<'a>, field: &'a Field, group: &'a Group) -> Outcome {
    let world = run.world;
    let flag = |argument| field.flag(argument).unwrap_or(false);
    let (above, below) = (flag("includeAncestors"), flag("includeDescendants"));
    let rows = world.milestones.iter().filter(|row| {
        let owner = row.owner.group().and_then(|id| world.groups.get(id));
        owner.is_some_and(|owner| owner.id == group.id || above && is_below(&group.full_path, &owner.full_path))
            || below && world.is_inside(row.owner, &group.full_path)
    });
    connection(run, field, rows.collect())
}

fn connection<'a>(run: &mut Run<'a>, field: &'a Field, mut chosen: Vec<&'a Milestone>) -> Outcome {
    let Some(order) = Order::named(field.text("sort").unwrap_or("DUE_DATE_ASC")) else {
        return run.fail("Unknown sort");
    };
    let ids = arguments::ids(run, field, "Milestone")?;
    chosen.retain(|row| {
        ids.as_ref().is_none_or(|ids| ids.contains(&row.id))
            && field.text("state").is_none_or(|state| state == state_of(row))
            && field.text("title").is_none_or(|title| title == row.title)
    });
    let place = |row: &Milestone| {
        let at = match order.column {
            Column::Created => Some(row.created_at),
            Column::Updated => Some(row.updated_at),
            _ => row.due_date,
        };
        (SortKey::Time(at), row.id)
    };
    chosen.sort_by(|a, b| order.compare(&place(a), &place(b)));
    let rows = |_| chosen.iter().map(|row| (place(row), *row));
    run.connection(field, order, rows, |_| true, milestone)
}

pub fn milestone<'a>(run: &mut Run<'a>, fields: &'a [Field], row: &'a Milestone) -> Outcome {
    let world = run.world;
    let owner = row.owner.group().and_then(|id| world.groups.get(id));
    run.row(("Milestone", row.id), fields, |run, field| match field.name.as_str() {
        "id" => run.gid("Milestone", row.id),
        "iid" => run.word(row.iid),
        "title" => run.text(&row.title),
        "description" => run.maybe(row.description.as_deref(), Run::text),
        "state" => run.word(state_of(row)),
        "startDate" => run.maybe(row.start_date, Run::time),
        "dueDate" => run.maybe(row.due_date, Run::time),
        "groupMilestone" => run.flag(owner.is_some()),
        "projectMilestone" => run.flag(owner.is_none()),
        "subgroupMilestone" => run.flag(owner.is_some_and(|owner| owner.parent.is_some())),
        "group" => run.maybe(owner, |run, owner| group::group(run, &field.selection, owner)),
        "project" => {
            let owner = row.owner.project().and_then(|id| world.projects.get(id));
            run.maybe(owner, |run, owner| project::project(run, &field.selection, owner))
        }
        "createdAt" => run.time(row.created_at),
        "updatedAt" => run.time(row.updated_at),
        _ => run.text(&milestone_path(world, row)),
    })
}

fn state_of(row: &Milestone) -> &'static str {
    if row.active { "active" } else { "closed" }
}
