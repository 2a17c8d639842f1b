//! The rows that a warehouse should hold of the lists of this API.

use serde_json::Value;

use super::features::{self, Feature};
use super::{
    boards, branches, closes, commits, deployments, environments, epic_issues, epics, events, iterations, jobs,
    members, merge_requests, releases, tags, variables, vulnerabilities,
};
use crate::data::{MergeRequest, World};

/// The rows of one raw table, as far as the token may read them; `None` if it comes from no list of this API. With a
/// project, only what belongs to it, and so nothing of a group.
pub fn rows(world: &World, table: &str, project: Option<u64>) -> Option<Vec<Value>> {
    let here = |id: u64| project.is_none_or(|project| project == id);
    let projects = || world.projects.iter().filter(|row| here(row.id));
    let with = |feature: Feature| projects().filter(move |row| features::check(row, feature).is_ok());
    let of_merge_requests = |print: fn(&World, &MergeRequest) -> Vec<Value>| {
        let visible = world
            .merge_requests
            .iter()
            .filter(|row| !row.hidden && here(row.project));
        visible.flat_map(|row| print(world, row)).collect()
    };
    let groups = || world.groups.iter().filter(|_| project.is_none());
    Some(match table {
        "branches" => with(Feature::Repository)
            .flat_map(|row| branches::rows(world, row))
            .collect(),
        "commits" => with(Feature::Repository)
            .flat_map(|row| commits::rows(world, row))
            .collect(),
        "deployments" => with(Feature::Builds)
            .flat_map(|row| deployments::rows(world, row))
            .collect(),
        "deployment_merge_requests" => with(Feature::Builds)
            .flat_map(|row| deployments::merge_request_rows(world, row))
            .collect(),
        "environments" => with(Feature::Builds).flat_map(environments::rows).collect(),
        "epic_issues" => groups().flat_map(|group| epic_issues::rows(world, group)).collect(),
        "epics" => groups().flat_map(|group| epics::rows(world, group)).collect(),
        "issue_boards" => {
            let of_groups = groups().flat_map(|group| boards::group_rows(world, group));
            of_groups.chain(projects().flat_map(boards::project_rows)).collect()
        }
        "iterations" => groups().flat_map(|group| iterations::rows(world, group)).collect(),
        "jobs" => with(Feature::Builds).flat_map(|row| jobs::rows(world, row)).collect(),
        "members" => {
            let of_groups = groups().flat_map(|group| members::group_rows(world, group));
            of_groups
                .chain(projects().flat_map(|row| members::project_rows(world, row)))
                .collect()
        }
        "issue_label_events" => {
            let issues = world.issues.iter().filter(|row| here(row.project));
            issues.flat_map(|row| events::issue_label_rows(world, row)).collect()
        }
        "issue_state_events" => {
            let issues = world.issues.iter().filter(|row| here(row.project));
            issues.flat_map(events::issue_state_rows).collect()
        }
        "mr_closes_issues" => of_merge_requests(closes::rows),
        "mr_details" => of_merge_requests(|_, row| merge_requests::detail_rows(row)),
        "mr_commits" => of_merge_requests(commits::merge_request_rows),
        "mr_label_events" => of_merge_requests(events::label_rows),
        "mr_state_events" => of_merge_requests(|_, row| events::state_rows(row)),
        "releases" => with(Feature::Releases)
            .flat_map(|row| releases::rows(world, row))
            .collect(),
        "tags" => with(Feature::Repository)
            .flat_map(|row| tags::rows(world, row))
            .collect(),
        "variables" => {
            let readable = groups().filter(|group| features::check_variables(group).is_ok());
            let of_projects = with(Feature::Variables).flat_map(variables::project_rows);
            readable.flat_map(variables::group_rows).chain(of_projects).collect()
        }
        "vulnerabilities" if world.enterprise => with(Feature::Security).flat_map(vulnerabilities::rows).collect(),
        "vulnerabilities" => Vec::new(),
        _ => return None,
    })
}
