//! GitLab's score of a query, exactly. It refuses a query above its limit, which is 250 for most users.
//!
//! The rules, and where GitLab's source has them: docs/gitlab.md#score.

use crate::gitlab::graphql::{Field, Selection};

/// The largest page, and the one that a list without `first` counts as (docs/gitlab.md#cursors).
pub const LARGEST_PAGE: u32 = 100;
/// What GitLab allows a user who has signed in, unless it says otherwise (docs/gitlab.md#complexity).
pub const USUAL_LIMIT: u32 = 250;

/// The score of a query.
pub fn of(query: &Selection) -> u32 {
    below("Query", query)
}

fn below(parent: &str, selection: &Selection) -> u32 {
    selection.0.iter().map(|field| cost(parent, field)).sum()
}

fn cost(parent: &str, field: &Field) -> u32 {
    let children = below(type_of(parent, &field.name), &field.selection);
    match kind(parent, &field.name) {
        FieldKind::Fixed(own) => own + children,
        FieldKind::Resolver { sorted } => {
            let given = |name: &str| field.argument(name).is_some();
            let mut cost = children + 1;
            // An argument with a default counts as given.
            cost += u32::from(sorted || given("sort"));
            cost += if given("search") { 5 } else { 0 };
            // Each row of a page costs one per cent, unless the caller names the rows.
            let page = if given("iid") || given("iids") { 0 } else { page(field) };
            cost + cost * page / 100
        }
    }
}

fn page(field: &Field) -> u32 {
    let size = |name: &str| field.argument(name)?.as_number()?.try_into().ok();
    let sizes = [size("first"), size("last"), Some(LARGEST_PAGE)];
    sizes.into_iter().flatten().min().unwrap_or(LARGEST_PAGE)
}

/// The types that are told apart.
pub const TYPES: [&str; 10] = [
    "Query",
    "Group",
    "Project",
    "MergeRequest",
    "Issue",
    "Note",
    "Label",
    "Milestone",
    "Pipeline",
    "UserCore",
];

/// The type that a field leads to, if it is one of [`TYPES`]. `nodes` and the like stay with their list's.
pub fn type_of<'a>(parent: &'a str, field: &str) -> &'a str {
    match field {
        "group" | "parent" | "descendantGroups" => "Group",
        "project" | "projects" => "Project",
        "mergeRequest" | "mergeRequests" => "MergeRequest",
        "issue" | "issues" => "Issue",
        "notes" => "Note",
        "labels" => "Label",
        "milestone" | "milestones" => "Milestone",
        "pipelines" | "headPipeline" => "Pipeline",
        "author" | "assignees" | "reviewers" | "approvedBy" | "mergeUser" | "users" => "UserCore",
        "nodes" | "edges" | "node" => parent,
        _ => "",
    }
}

enum FieldKind {
    /// So much, and what is below it.
    Fixed(u32),
    /// A list that a resolver serves: grows with the page. `sorted`: its `sort` has a default.
    Resolver { sorted: bool },
}

fn kind(parent: &str, field: &str) -> FieldKind {
    match (parent, field) {
        ("Project" | "Group", "mergeRequests" | "issues" | "milestones") => FieldKind::Resolver { sorted: true },
        ("Query", "projects" | "users")
        | ("Group", "projects")
        | ("Project", "pipelines")
        | ("Project" | "Group" | "Issue", "labels")
        | ("Issue" | "MergeRequest", "notes")
        | ("MergeRequest", "pipelines") => FieldKind::Resolver { sorted: false },
        ("Group", "descendantGroups") => FieldKind::Fixed(5),
        ("MergeRequest", "participants") => FieldKind::Fixed(15),
        (
            "MergeRequest",
            "mergedAt" | "closedAt" | "assignees" | "reviewers" | "labels" | "subscribed" | "committers",
        ) => FieldKind::Fixed(5),
        ("MergeRequest", field) if CALLS_GITALY.contains(&field) => FieldKind::Fixed(2),
        _ => FieldKind::Fixed(1),
    }
}

/// Fields of merge requests for which GitLab asks Gitaly, its Git service: one more.
const CALLS_GITALY: [&str; 21] = [
    "diffHeadSha",
    "diffStats",
    "diffStatsSummary",
    "detailedMergeStatus",
    "approved",
    "approvalsLeft",
    "approvalsRequired",
    "mergeable",
    "mergeableDiscussionsState",
    "commits",
    "commitsWithoutMergeCommits",
    "rebaseInProgress",
    "shouldBeRebased",
    "divergedFromTargetBranch",
    "sourceBranchExists",
    "targetBranchExists",
    "sourceBranchProtected",
    "defaultMergeCommitMessage",
    "defaultSquashCommitMessage",
    "availableAutoMergeStrategies",
    "hasSecurityReports",
];

#[cfg(test)]
mod tests {
    use gitlab_sim::data::Version;
    use gitlab_sim::graphql::{self, Api};

    use super::*;
    use crate::gitlab::testing::world;
    use serde_json::json;

    /// The simulated GitLab's score.
    fn theirs(query: &Selection) -> u32 {
        let (text, variables) = query.write("Q");
        let (requests, _) =
            graphql::read(&json!({"query": text, "variables": variables})).expect("a request that is not too long");
        let answer = graphql::answer(&Api::new(true, Version::New), &world(), &requests[0], 100_000);
        assert!(!answer.failed, "{text}: {}", answer.body);
        answer.complexity
    }

    #[test]
    fn the_score_is_that_of_gitlab() {
        for text in [
            r#"group(fullPath: "acme") { id mergeRequests(first: 60) { count pageInfo { hasNextPage endCursor } nodes {
              id iid title diffHeadSha detailedMergeStatus approved approvalsLeft mergedAt closedAt author { username }
              reviewers { nodes { id } } assignees { nodes { id } } labels { nodes { title } } userNotesCount
              diffStatsSummary { additions } diffStats { path } notes(first: 30) { nodes { id body author { id } } } } } }"#,
            r#"group(fullPath: "acme") { issues(first: 10, iids: ["1"]) { nodes { iid } } }"#,
            r#"project(fullPath: "a/b") { mergeRequests(iids: ["1"]) { nodes { iid notes(first: 100) { nodes { id } } } } }"#,
            r#"projects(ids: ["gid://gitlab/Project/1"], first: 7) { nodes { id issues(first: 20, sort: UPDATED_ASC) {
              nodes { id labels { nodes { id } } assignees { nodes { id } } notes(last: 3) { nodes { id } } } } } }"#,
            r#"users(first: 100) { nodes { id username } } currentUser { id } metadata { version enterprise }"#,
            r#"group(fullPath: "acme") { descendantGroups(first: 50) { nodes { id labels(first: 100) { nodes { id } }
              milestones(first: 13) { nodes { id title } } parent { id } } } projects { nodes { id pipelines(first: 1) { nodes { id } } } } }"#,
            r#"mergeRequest(id: "gid://gitlab/MergeRequest/1") { id notes(first: 99) { pageInfo { endCursor } nodes { id } } }"#,
            r#"queryComplexity { limit score } projects(search: "x", sort: "id_asc", first: 30) { nodes { id } }"#,
        ] {
            let query = Selection::parse(text);
            assert_eq!(of(&query), theirs(&query), "{text}");
        }
    }

    #[test]
    fn the_largest_query_of_the_measured_ones_scores_what_gitlab_com_said() {
        let text = r#"projects(fullPaths: ["a/b"], first: 100) { nodes { fullPath mergeRequests(state: opened, first: 60) { count
          pageInfo { hasNextPage endCursor } nodes { id iid title webUrl draft createdAt updatedAt diffHeadSha targetBranch
          sourceBranch state mergeStatusEnum detailedMergeStatus conflicts reference userNotesCount approved approvalsLeft
          approvalsRequired author { username } reviewers { nodes { username } } assignees { nodes { username } }
          approvedBy { nodes { username } } commenters { nodes { username } } participants { nodes { username } }
          changeRequesters { nodes { username } } headPipeline { status } stack { iid } } } } }"#;
        for (first, score) in [(60, 252), (70, 266), (80, 282), (100, 314)] {
            let query = Selection::parse(&text.replace("first: 60", &format!("first: {first}")));
            assert_eq!(of(&query), score, "at first: {first}");
        }
    }
}
