//! The addresses, and which list answers each.

use super::request::{Call, Reply, Request, words};
use super::{
    boards, branches, closes, commits, deployments, environments, epic_issues, epics, events, groups, instance,
    iterations, jobs, members, merge_requests, pipelines, projects, releases, review, tags, users, variables,
    vulnerabilities,
};

type List = fn(&Call<'_>) -> Result<Reply, Reply>;

const ROOT: &str = "/api/v4";

/// In a template, a word that begins with a colon stands for any word.
const ROUTES: &[(&str, List)] = &[
    ("/groups", groups::list),
    ("/groups/:id", groups::one),
    ("/groups/:id/boards", boards::of_group),
    ("/groups/:id/descendant_groups", groups::descendants),
    ("/groups/:id/epics", epics::list),
    ("/groups/:id/epics/:epic_iid/issues", epic_issues::list),
    ("/groups/:id/iterations", iterations::list),
    ("/groups/:id/members", members::of_group),
    ("/groups/:id/projects", projects::of_group),
    ("/groups/:id/subgroups", groups::subgroups),
    ("/groups/:id/variables", variables::of_group),
    ("/metadata", instance::metadata),
    ("/personal_access_tokens/self", instance::token),
    ("/projects", projects::list),
    ("/projects/:id", projects::one),
    ("/projects/:id/boards", boards::of_project),
    ("/projects/:id/deployments", deployments::list),
    (
        "/projects/:id/deployments/:deployment_id/merge_requests",
        deployments::merge_requests,
    ),
    ("/projects/:id/environments", environments::list),
    (
        "/projects/:id/issues/:issue_iid/resource_label_events",
        events::of_issue_labels,
    ),
    (
        "/projects/:id/issues/:issue_iid/resource_state_events",
        events::of_issue_states,
    ),
    ("/projects/:id/jobs", jobs::of_project),
    ("/projects/:id/members", members::of_project),
    (
        "/projects/:id/merge_requests/:merge_request_iid/closes_issues",
        closes::list,
    ),
    (
        "/projects/:id/merge_requests/:merge_request_iid/commits",
        commits::of_merge_request,
    ),
    (
        "/projects/:id/merge_requests/:merge_request_iid/resource_label_events",
        events::of_labels,
    ),
    (
        "/projects/:id/merge_requests/:merge_request_iid/resource_state_events",
        events::of_states,
    ),
    ("/projects/:id/merge_requests", merge_requests::list),
    ("/projects/:id/merge_requests/:merge_request_iid", merge_requests::one),
    (
        "/projects/:id/merge_requests/:merge_request_iid/approvals",
        merge_requests::approvals,
    ),
    (
        "/projects/:id/merge_requests/:merge_request_iid/changes",
        review::changes,
    ),
    ("/projects/:id/merge_requests/:merge_request_iid/notes", review::notes),
    (
        "/projects/:id/merge_requests/:merge_request_iid/pipelines",
        review::of_merge_request,
    ),
    ("/projects/:id/pipelines", pipelines::list),
    ("/projects/:id/pipelines/:pipeline_id", pipelines::one),
    ("/projects/:id/pipelines/:pipeline_id/jobs", jobs::of_pipeline),
    ("/projects/:id/releases", releases::list),
    ("/projects/:id/repository/branches", branches::list),
    ("/projects/:id/repository/commits", commits::list),
    ("/projects/:id/repository/tags", tags::list),
    ("/projects/:id/users", members::users_of_project),
    ("/projects/:id/variables", variables::of_project),
    ("/projects/:id/vulnerabilities", vulnerabilities::list),
    ("/users", users::list),
    ("/users/:id", users::one),
    ("/version", instance::version),
];

/// Answers a GET request.
pub fn answer(request: &Request<'_>) -> Reply {
    let Some((template, list)) = route(request.path) else {
        return Reply::no_route();
    };
    if let Some(refusal) = instance::refusal(request, template) {
        return refusal;
    }
    let path = words(request.path.strip_prefix(ROOT).unwrap_or_default());
    let names = words(template)
        .into_iter()
        .zip(path)
        .filter(|(word, _)| word.starts_with(':'))
        .map(|(_, name)| name)
        .collect();
    list(&Call::new(request, names)).unwrap_or_else(|refusal| refusal)
}

/// The template that an address follows, such as `/projects/:id/jobs`: a name for all of its kind.
pub fn template(path: &str) -> Option<&'static str> {
    route(path).map(|(template, _)| template)
}

fn route(path: &str) -> Option<(&'static str, List)> {
    let path: Vec<&str> = path.strip_prefix(ROOT)?.trim_matches('/').split('/').collect();
    ROUTES.iter().copied().find(|(template, _)| {
        let words: Vec<&str> = template.trim_matches('/').split('/').collect();
        words.len() == path.len()
            && words
                .iter()
                .zip(&path)
                .all(|(word, given)| word.starts_with(':') && !given.is_empty() || word == given)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_names_all_addresses_of_its_kind() {
        let path = "/api/v4/projects/acme%2Fshop/merge_requests/7/commits";
        let wanted = "/projects/:id/merge_requests/:merge_request_iid/commits";
        assert_eq!(template(path), Some(wanted));
        assert_eq!(template("/api/v4/projects/7"), Some("/projects/:id"));
        for unknown in [
            "/api/v4/projects/acme/shop",
            "/api/v4/groups//members",
            "/api/v3/projects",
        ] {
            assert_eq!(template(unknown), None, "{unknown}");
        }
    }
}
