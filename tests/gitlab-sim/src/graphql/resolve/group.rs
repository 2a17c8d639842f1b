//! `Group`.

use super::super::plan::Field;
use super::super::run::{Outcome, Run};
use super::{arguments, merge_requests, project};
use crate::data::{BASE_URL, Group, projects_below, projects_where};

pub fn group<'a>(run: &mut Run<'a>, fields: &'a [Field], row: &'a Group) -> Outcome {
    run.object(fields, |run, field| match field.name.as_str() {
        "id" => run.gid("Group", row.id),
        "name" => run.text(&row.name),
        "fullPath" => run.text(&row.full_path),
        "webUrl" => run.word(format_args!("{BASE_URL}/groups/{}", row.full_path)),
        "mergeRequests" => {
            // Both are off unless asked for: an unaware query misses subgroups and archived projects.
            let subgroups = field.flag("includeSubgroups").unwrap_or(false);
            let archived = field.flag("includeArchived").unwrap_or(false);
            let projects: Vec<_> = projects_below(run.world, &row.full_path, subgroups, archived).collect();
            merge_requests::connection(run, field, &projects)
        }
        _ => {
            let ids = arguments::ids(run, field, "Project")?;
            let subgroups = field.flag("includeSubgroups").unwrap_or(false);
            let archived = field.flag("includeArchived").unwrap_or(true);
            let below = projects_below(run.world, &row.full_path, subgroups, archived);
            let mut rows = projects_where(below, ids.as_deref(), field.text("search"));
            rows.reverse();
            project::connection(run, field, &rows)
        }
    })
}
