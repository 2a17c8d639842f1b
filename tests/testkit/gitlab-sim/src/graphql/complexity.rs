//! GitLab's score of a query. It refuses a query above 250 (authenticated users), so a client has to stay below.
//!
//! The rules are those of `app/graphql/types/base_field.rb` and `app/graphql/resolvers/base_resolver.rb` in GitLab's
//! source, with the costs that its type files give to single fields. They replace the GraphQL library's own rule of
//! multiplying by the page size.

use super::plan::Field;

/// The largest page, and the one that a connection without `first` and `last` counts as.
const MAX_PAGE: i64 = 100;

/// The score of a whole query: the sum over its root fields.
pub fn score(fields: &[Field]) -> u32 {
    fields.iter().map(cost).sum()
}

fn cost(field: &Field) -> u32 {
    let children = score(&field.selection);
    match kind(&field.parent, &field.name) {
        Kind::Fixed(own) => own + children,
        Kind::Resolver { sorted } => {
            let mut cost = children + 1;
            // An argument with a default counts as given.
            cost += u32::from(sorted || given(field, "sort"));
            cost += if given(field, "search") { 5 } else { 0 };
            // Each row of a page costs one per cent, unless the caller names the rows.
            let named = given(field, "iid") || given(field, "iids");
            let page = if named { 0 } else { page_size(field) };
            cost + cost * page / 100
        }
    }
}

enum Kind {
    /// So much, and what is below it.
    Fixed(u32),
    /// A connection that a resolver serves: grows with the page. `sorted`: its `sort` has a default.
    Resolver { sorted: bool },
}

fn kind(parent: &str, name: &str) -> Kind {
    match (parent, name) {
        ("Project" | "Group", "mergeRequests" | "issues" | "milestones") => Kind::Resolver { sorted: true },
        ("Query", "projects" | "users")
        | ("Group", "projects")
        | ("Project", "pipelines")
        | ("Project" | "Group" | "Issue", "labels")
        | ("Issue" | "MergeRequest", "notes")
        | ("MergeRequest", "pipelines") => Kind::Resolver { sorted: false },
        ("Group", "descendantGroups") => Kind::Fixed(5),
        ("MergeRequest", name) => Kind::Fixed(merge_request_field(name)),
        _ => Kind::Fixed(1),
    }
}

fn merge_request_field(name: &str) -> u32 {
    match name {
        "participants" => 15,
        "mergedAt" | "closedAt" | "assignees" | "reviewers" | "labels" | "subscribed" | "committers" => 5,
        // One more for a call to Gitaly, the Git service behind GitLab.
        "diffHeadSha"
        | "diffStats"
        | "diffStatsSummary"
        | "detailedMergeStatus"
        | "approved"
        | "approvalsLeft"
        | "approvalsRequired"
        | "mergeable"
        | "mergeableDiscussionsState"
        | "commits"
        | "commitsWithoutMergeCommits"
        | "rebaseInProgress"
        | "shouldBeRebased"
        | "divergedFromTargetBranch"
        | "sourceBranchExists"
        | "targetBranchExists"
        | "sourceBranchProtected"
        | "defaultMergeCommitMessage"
        | "defaultSquashCommitMessage"
        | "availableAutoMergeStrategies"
        | "hasSecurityReports" => 2,
        _ => 1,
    }
}

fn given(field: &Field, argument: &str) -> bool {
    field.arguments.get(argument).is_some_and(|value| !value.is_null())
}

fn page_size(field: &Field) -> u32 {
    let size = [field.number("first"), field.number("last")]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(MAX_PAGE);
    size.clamp(0, MAX_PAGE) as u32
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Api, plan::Plan, request, validate};
    use super::*;

    /// The shape of a query whose scores a user of gitlab.com published; some of its fields are not served here, so
    /// the test adds them to the schema.
    const MEASURED: &str = r#"query($n: Int) { projects(fullPaths: ["a/b", "c/d"]) { nodes { fullPath
      mergeRequests(state: opened, first: $n) { count pageInfo { hasNextPage endCursor } nodes {
        id iid title webUrl draft createdAt updatedAt diffHeadSha targetBranch sourceBranch state mergeStatusEnum
        detailedMergeStatus conflicts reference userNotesCount approved approvalsLeft approvalsRequired
        author { username } reviewers { nodes { username } } assignees { nodes { username } }
        approvedBy { nodes { username } } commenters { nodes { username } } participants { nodes { username } }
        changeRequesters { nodes { username } } headPipeline { status } stack { iid } } } } } }"#;

    fn scored(query: &str, variables: &serde_json::Value) -> u32 {
        let sdl = include_str!("../../schema.graphql").replace(
            "type MergeRequest {",
            "type MergeRequest { mergeStatusEnum: String commenters: UserCoreConnection participants: UserCoreConnection stack: MergeRequest",
        );
        let api = Api::from_sdl(&sdl, true, crate::data::Version::New);
        let (requests, _) = request::read(&json!({"query": query, "variables": variables})).unwrap();
        let document = validate::document(&api, query).unwrap();
        score(&Plan::new(api.schema(), &document, &requests[0]).ok().unwrap().fields)
    }

    #[test]
    fn scores_what_gitlab_com_answered() {
        for (first, score) in [(60, 252), (70, 266), (80, 282), (100, 314)] {
            assert_eq!(scored(MEASURED, &json!({"n": first})), score, "at first: {first}");
        }
    }

    #[test]
    fn issues_grow_with_the_page_and_so_do_their_labels() {
        let query =
            "query($n: Int) { group(fullPath: \"a\") { issues(first: $n) { nodes { iid labels { nodes { title } }
            assignees { nodes { id } } } } } }";
        // labels 1 + nodes 1 + title 1, doubled at 100; assignees 3 whatever the page; iid 1; nodes 1: 11. The list
        // adds 1 and its default sort 1, and so much per cent more; the group adds 1.
        assert_eq!(scored(query, &json!({"n": 100})), 27);
        assert_eq!(scored(query, &json!({"n": 10})), 15);
    }

    #[test]
    fn naming_the_rows_makes_the_page_free() {
        let query = r#"{ project(fullPath: "a") { mergeRequests(iids: ["1"]) { nodes { iid mergedAt } } } }"#;
        // mergedAt 5, iid 1, nodes 1, the connection 1 and its default sort 1, the project 1.
        assert_eq!(scored(query, &json!({})), 10);
    }
}
