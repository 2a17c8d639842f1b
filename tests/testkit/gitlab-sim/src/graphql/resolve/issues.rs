//! `IssueConnection`: the lists of a project and of a group.

use super::super::plan::Field;
use super::super::run::{Outcome, Run};
use super::{arguments, issue, project};
use crate::data::{Filter, Issue, Order, Project, select};

/// The issues of `projects` that the field's arguments choose, newest first unless told otherwise.
pub fn connection<'a>(run: &mut Run<'a>, field: &'a Field, projects: &[&'a Project]) -> Outcome {
    let Some(order) = Order::named(field.text("sort").unwrap_or("CREATED_DESC")) else {
        return run.fail("Unknown sort");
    };
    let filter = Filter {
        iids: field
            .texts("iids")
            .or_else(|| field.texts("iid"))
            .map(|iids| iids.iter().filter_map(|iid| iid.parse().ok()).collect()),
        state: project::state(field.text("state")),
        updated: arguments::span(run, field, "updated")?,
        created: arguments::span(run, field, "created")?,
        ..Filter::default()
    };
    let (kinds, confidential) = (field.texts("types"), field.flag("confidential"));
    let wanted = |row: &&Issue| {
        kinds.as_ref().is_none_or(|kinds| kinds.contains(&row.kind))
            && confidential.is_none_or(|confidential| confidential == row.confidential)
    };
    let world = run.world;
    run.connection(
        field,
        order,
        |from| {
            select::<Issue>(world, projects, &filter, order, from)
                .filter(wanted)
                .map(|row| (order.key(row), row))
        },
        |_| true,
        issue::issue,
    )
}
