//! `MergeRequestConnection`: the lists of a project and of a group.

use super::super::plan::Field;
use super::super::run::{Outcome, Run};
use super::{arguments, merge_request, project};
use crate::data::{Filter, Order, Project, select};

/// The merge requests of `projects` that the field's arguments choose, newest first unless told otherwise.
pub fn connection<'a>(run: &mut Run<'a>, field: &'a Field, projects: &[&'a Project]) -> Outcome {
    let order = Order::named(field.text("sort").unwrap_or("CREATED_DESC"));
    let Some(order) = order else {
        return run.fail("Unknown sort");
    };
    let filter = Filter {
        iids: field
            .texts("iids")
            .map(|iids| iids.iter().filter_map(|iid| iid.parse().ok()).collect()),
        state: project::state(field.text("state")),
        updated: arguments::span(run, field, "updated")?,
        created: arguments::span(run, field, "created")?,
        merged: arguments::span(run, field, "merged")?,
        source_branches: field
            .texts("sourceBranches")
            .map(|branches| branches.into_iter().map(str::to_owned).collect()),
    };
    let world = run.world;
    run.connection(
        field,
        order,
        |from| select(world, projects, &filter, order, from).map(|row| (order.key(row), row)),
        |row| !row.hidden,
        merge_request::merge_request,
    )
}
