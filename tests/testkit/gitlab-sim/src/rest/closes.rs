//! `/projects/:id/merge_requests/:merge_request_iid/closes_issues`: one merge request in three closes an issue, and one in
//! forty an issue of another tracker, of which GitLab knows no more than its name.

use serde_json::{Value, json};

use super::format::time;
use super::page::Length;
use super::request::{Call, Reply};
use super::users;
use crate::data::{Issue, MergeRequest, World, issue_url};

enum Closed<'a> {
    Issue(&'a Issue),
    External(String),
}

pub fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    let (world, row) = (call.world(), call.merge_request()?);
    call.page(closed(world, row).into_iter(), Length::Told, |closed| match closed {
        Closed::External(name) => json!({"id": name, "title": format!("Issue {name}")}),
        Closed::Issue(issue) => json!({
            "id": issue.id, "iid": issue.iid, "project_id": issue.project, "title": issue.title.read(),
            "state": issue.state(), "created_at": time(issue.created_at), "updated_at": time(issue.updated_at),
            "author": world.users.get(issue.author).map(users::basic), "issue_type": issue.kind.to_lowercase(),
            "references": {
                "short": format!("#{}", issue.iid), "relative": format!("#{}", issue.iid), "full": reference(world, issue),
            },
            "web_url": issue_url(world, issue),
        }),
    })
}

/// Rows of `mr_closes_issues`.
pub fn rows(world: &World, row: &MergeRequest) -> Vec<Value> {
    let print = |closed: Closed<'_>| {
        let (reference, id) = match closed {
            Closed::Issue(issue) => (reference(world, issue), Some(issue.id)),
            Closed::External(name) => (name, None),
        };
        json!({"merge_request_id": row.id, "reference": reference, "issue_id": id, "project_id": row.project})
    };
    closed(world, row).into_iter().map(print).collect()
}

fn closed<'a>(world: &'a World, row: &MergeRequest) -> Vec<Closed<'a>> {
    let issues = &world.project_of(row).issues;
    let iid = 1 + row.iid / 2 % issues.last_iid.max(1);
    let issue = issues.by_iid.get(&iid).and_then(|id| world.issues.get(*id));
    let issue = issue.filter(|_| row.id.is_multiple_of(3)).map(Closed::Issue);
    let external = (row.id % 40 == 1).then(|| Closed::External(format!("SHOP-{}", row.iid)));
    issue.into_iter().chain(external).collect()
}

fn reference(world: &World, issue: &Issue) -> String {
    let project = world.projects.get(issue.project);
    format!(
        "{}#{}",
        project.map(crate::data::Project::full_path).unwrap_or_default(),
        issue.iid
    )
}
