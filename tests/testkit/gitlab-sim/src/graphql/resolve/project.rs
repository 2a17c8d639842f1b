//! `Project` and its connection.

use super::super::plan::Field;
use super::super::run::{Outcome, Run};
use super::{group, issue, issues, label, merge_request, merge_requests, milestone, pipeline};
use crate::data::{BASE_URL, Column, Order, Project, SortKey, State};

/// Projects, newest first.
pub fn connection<'a>(run: &mut Run<'a>, field: &'a Field, rows: &[&'a Project]) -> Outcome {
    let keyed = |_| rows.iter().map(|row| ((SortKey::Time(None), row.id), *row));
    run.connection(field, Order::descending(Column::Id), keyed, |_| true, project)
}

pub fn project<'a>(run: &mut Run<'a>, fields: &'a [Field], row: &'a Project) -> Outcome {
    run.row(("Project", row.id), fields, |run, field| match field.name.as_str() {
        "id" => run.gid("Project", row.id),
        "name" => run.text(&row.name),
        "path" => run.text(&row.path),
        "fullPath" => run.text(&row.full_path()),
        "nameWithNamespace" => run.text(&row.name_with_namespace()),
        "description" => run.maybe(row.description.as_deref(), Run::text),
        "webUrl" => run.word(format_args!("{BASE_URL}/{}", row.full_path())),
        "createdAt" => run.time(row.created_at),
        "updatedAt" => run.time(row.updated_at),
        "lastActivityAt" => run.time(row.last_activity_at),
        "group" => {
            let above = run.world.group_by_path(&row.namespace);
            run.maybe(above, |run, above| group::group(run, &field.selection, above))
        }
        "archived" => run.flag(row.archived),
        "visibility" => run.word(row.visibility),
        "starCount" => run.number(row.star_count),
        "forksCount" => run.number(row.forks_count),
        "openIssuesCount" => run.number(row.open_issues_count),
        "mergeRequestsEnabled" => run.flag(true),
        "repository" => run.object(&field.selection, |run, inner| match inner.name.as_str() {
            "rootRef" => run.maybe(row.default_branch.as_deref(), Run::text),
            _ => run.flag(row.default_branch.is_none()),
        }),
        "mergeRequest" => {
            let iid = field.text("iid").and_then(|iid| iid.parse().ok());
            let found = iid.and_then(|iid| run.world.merge_request_by_iid(row.id, iid));
            run.maybe(found, |run, found| {
                merge_request::merge_request(run, &field.selection, found)
            })
        }
        "issue" => {
            let world = run.world;
            let iid = field.text("iid").and_then(|iid| iid.parse::<u32>().ok());
            let found = iid.and_then(|iid| world.issues.get(*row.issues.by_iid.get(&iid)?));
            run.maybe(found, |run, found| issue::issue(run, &field.selection, found))
        }
        "issues" => issues::connection(run, field, &[row]),
        "labels" => label::of_a_project(run, field, row),
        "milestones" => milestone::of_a_project(run, field, row),
        "mergeRequests" => merge_requests::connection(run, field, &[row]),
        _ => {
            let world = run.world;
            let ids = row.pipelines.iter().rev();
            pipeline::connection(run, field, ids.filter_map(|id| world.pipelines.get(*id)))
        }
    })
}

/// The state that an argument names; `all` and none mean no narrowing.
pub fn state(name: Option<&str>) -> Option<State> {
    [State::Opened, State::Closed, State::Locked, State::Merged]
        .into_iter()
        .find(|state| Some(state.name()) == name)
}
