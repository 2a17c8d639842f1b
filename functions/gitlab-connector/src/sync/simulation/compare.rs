//! Raw tables beside GitLab's own rows.

use std::collections::BTreeMap;

use gitlab_sim::data::World;
use gitlab_sim::truth;
use serde_json::Value as Json;

use crate::sync::scope::{Projects, Scope};
use crate::sync::simulation::memory::Memory;

/// The group, or the projects that are below it now.
pub fn scope_of(world: &World, single: bool) -> Scope {
    if !single {
        return Scope::Group("acme".into());
    }
    let projects = truth::rows_in_group(world, "projects", "acme").unwrap_or_default();
    let paths = projects
        .iter()
        .filter_map(|row| Some((row["id"].as_i64()?, row["full_path"].as_str()?.to_owned())));
    Scope::Projects(Projects {
        name: "projects".into(),
        paths: paths.collect(),
    })
}

/// Every raw table against GitLab's rows of the scope.
pub fn compare(world: &World, memory: &Memory, single: bool) -> Result<(), String> {
    let tables = [
        ("groups", &["id"][..]),
        ("projects", &["id"]),
        ("users", &["id"]),
        ("labels", &["id"]),
        ("milestones", &["id"]),
        ("merge_requests", &["id"]),
        ("mr_approvals", &["merge_request_id", "user_id"]),
        ("mr_reviewers", &["merge_request_id", "user_id"]),
        ("mr_assignees", &["merge_request_id", "user_id"]),
        ("mr_labels", &["merge_request_id", "label_id"]),
        ("mr_notes", &["id"]),
        ("pipelines", &["id"]),
        ("issues", &["id"]),
        ("issue_notes", &["id"]),
    ];
    let in_scope: Vec<i64> = truth::rows_in_group(world, "projects", "acme")
        .unwrap_or_default()
        .iter()
        .filter_map(|row| row["id"].as_i64())
        .collect();
    // Of the groups above single projects only what the projects may refer to is read, and it is never marked as deleted.
    let counts = |table: &str, row: &Json| match table {
        "groups" => !single,
        "labels" | "milestones" => !single || !row["project_id"].is_null(),
        "projects" => !single || row["id"].as_i64().is_some_and(|id| in_scope.contains(&id)),
        _ => true,
    };
    for (table, key) in tables {
        let text = |row: &Json| {
            key.iter()
                .map(|name| row[name].to_string())
                .collect::<Vec<_>>()
                .join("/")
        };
        let expected: BTreeMap<String, Json> = truth::rows_in_group(world, table, "acme")
            .ok_or_else(|| format!("there is no table {table}"))?
            .into_iter()
            .filter(|row| counts(table, row))
            .map(|row| (text(&row), settled(table, row)))
            .collect();
        let actual: BTreeMap<String, Json> = memory
            .rows(table)
            .into_iter()
            // What moved out of the scope stays as it was, and nobody looks at it any more.
            .filter(|row| row["project_id"].as_i64().is_none_or(|id| in_scope.contains(&id)) && counts(table, row))
            .map(|row| (text(&row), settled(table, row)))
            .collect();
        for (id, row) in &expected {
            match actual.get(id) {
                None => return Err(format!("{table} lacks {row}")),
                Some(found) if found != row => return Err(difference(table, id, found, row)),
                Some(_) => {}
            }
        }
        // Users are kept although the last row that referred to them is gone; projects and groups that
        // moved out of the scope are kept, with their new path.
        let extra = actual.iter().find(|(id, row)| {
            let outside = !row["full_path"]
                .as_str()
                .is_none_or(|path| path == "acme" || path.starts_with("acme/"));
            !expected.contains_key(*id) && table != "users" && !outside
        });
        if let Some((_, row)) = extra {
            return Err(format!("{table} still has {row}"));
        }
    }
    Ok(())
}

fn difference(table: &str, id: &str, found: &Json, expected: &Json) -> String {
    let columns = expected.as_object().into_iter().flatten();
    let differing = columns.filter(|(name, value)| found[name.as_str()] != **value);
    let told: Vec<String> = differing
        .map(|(name, value)| format!("{name} is {} instead of {value}", found[name.as_str()]))
        .collect();
    format!(
        "{table} {id}, updated at {}: {}",
        expected["updated_at"],
        told.join("; ")
    )
}

/// A row without what GitLab changes quietly in a merge request that is no longer open: approval rules.
fn settled(table: &str, mut row: Json) -> Json {
    if table == "merge_requests" && row["state"] != "opened" {
        for column in [
            "approvals_left",
            "approvals_required",
            "approved",
            "detailed_merge_status",
        ] {
            row[column] = Json::Null;
        }
    }
    row
}
