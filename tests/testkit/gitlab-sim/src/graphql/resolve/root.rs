//! `Query`.

use super::super::plan::Field;
use super::super::run::{Outcome, Run};
use super::{arguments, group, issue, merge_request, project, user};
use crate::data::{Column, Order, SortKey, projects_where};

/// What `metadata.revision` and the REST version say.
pub const REVISION: &str = "5a7c0d1e";

pub fn root<'a>(run: &mut Run<'a>, fields: &'a [Field]) -> Outcome {
    run.object(fields, |run, field| match field.name.as_str() {
        "__schema" | "__type" => {
            let value = run.introspection[&field.key].take();
            run.json(&value)
        }
        "currentUser" => {
            let me = run.world.users.get(run.world.token_user);
            run.maybe(me, |run, me| user::user(run, &field.selection, me, None))
        }
        "metadata" => run.object(&field.selection, |run, inner| match inner.name.as_str() {
            "version" => run.word(run.world.version.number()),
            "revision" => run.word(REVISION),
            _ => run.flag(run.world.enterprise),
        }),
        "queryComplexity" => run.object(&field.selection, |run, inner| match inner.name.as_str() {
            "score" => run.number(run.score),
            _ => run.number(run.limit),
        }),
        "group" => {
            let found = run.world.group_by_path(field.text("fullPath").unwrap_or_default());
            run.maybe(found, |run, found| group::group(run, &field.selection, found))
        }
        "issue" => {
            let world = run.world;
            let found = number(field, "Issue").and_then(|id| world.issues.get(id));
            run.maybe(found, |run, found| issue::issue(run, &field.selection, found))
        }
        "mergeRequest" => {
            let world = run.world;
            let found = number(field, "MergeRequest").and_then(|id| world.merge_requests.get(id));
            run.maybe(found.filter(|row| !row.hidden), |run, found| {
                merge_request::merge_request(run, &field.selection, found)
            })
        }
        "project" => {
            let found = run.world.project_by_path(field.text("fullPath").unwrap_or_default());
            run.maybe(found, |run, found| project::project(run, &field.selection, found))
        }
        "projects" => projects(run, field),
        _ => users(run, field),
    })
}

/// The number in a global `id` of this type.
fn number(field: &Field, of: &str) -> Option<u64> {
    let id = field.text("id")?.strip_prefix("gid://gitlab/")?;
    id.strip_prefix(of)?.strip_prefix('/')?.parse().ok()
}

/// Unknown and forbidden ones among `ids` and `fullPaths` are left out without a word, as in GitLab.
fn projects<'a>(run: &mut Run<'a>, field: &'a Field) -> Outcome {
    let ids = arguments::ids(run, field, "Project")?;
    let paths = field
        .texts("fullPaths")
        .map(|paths| paths.into_iter().map(str::to_lowercase).collect::<Vec<_>>());
    let world = run.world;
    let chosen = world.projects.iter().rev().filter(|project| {
        paths
            .as_ref()
            .is_none_or(|paths| paths.contains(&project.full_path().to_lowercase()))
    });
    let rows = projects_where(chosen, ids.as_deref(), field.text("search"));
    project::connection(run, field, &rows)
}

fn users<'a>(run: &mut Run<'a>, field: &'a Field) -> Outcome {
    let ids = arguments::ids(run, field, "User")?;
    let names = field.texts("usernames");
    let world = run.world;
    let rows = |_| {
        world
            .users
            .iter()
            .rev()
            .filter(|user| ids.as_ref().is_none_or(|ids| ids.contains(&user.id)))
            .filter(|user| {
                names
                    .as_ref()
                    .is_none_or(|names| names.iter().any(|name| user.username.eq_ignore_ascii_case(name)))
            })
            .map(|user| ((SortKey::Time(None), user.id), user))
    };
    run.connection(
        field,
        Order::descending(Column::Id),
        rows,
        |_| true,
        |run, fields, row| user::user(run, fields, row, None),
    )
}
