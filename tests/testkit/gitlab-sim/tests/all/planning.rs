//! Groups, labels, milestones and issues as GraphQL tells them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::sim::{Sim, number, sizes};

fn titles(list: &Value) -> Vec<&str> {
    let nodes = list["nodes"].as_array().expect("nodes").iter();
    nodes.map(|node| node["title"].as_str().expect("a title")).collect()
}

#[test]
fn groups_tell_their_place() {
    let sim = Sim::start(&sizes(20));
    let data = sim.data(
        "{ group(fullPath: \"acme/platform\") { id path fullName visibility description parent { id fullPath }
           all: descendantGroups { nodes { fullPath parent { id } } }
           page: descendantGroups(first: 1) { pageInfo { hasNextPage endCursor } nodes { fullPath } } }
           top: group(fullPath: \"acme\") { parent { id }
             direct: descendantGroups(includeParentDescendants: false) { nodes { fullPath } } }
           project(fullPath: \"acme/platform/billing/invoice-service\") { group { id fullPath } } }",
        &json!({}),
    );
    let group = &data["group"];
    assert_eq!(
        (&group["path"], &group["fullName"]),
        (&json!("platform"), &json!("Acme / Platform"))
    );
    assert_eq!(group["parent"]["fullPath"], "acme");
    let paths = |list: &Value| -> BTreeSet<String> {
        let nodes = list["nodes"].as_array().expect("nodes").iter();
        nodes
            .map(|node| node["fullPath"].as_str().expect("a path").to_owned())
            .collect()
    };
    assert_eq!(
        paths(&group["all"]),
        ["acme/platform/billing", "acme/platform/identity"]
            .map(str::to_owned)
            .into()
    );
    assert_eq!(group["all"]["nodes"][0]["parent"]["id"], group["id"]);
    assert_eq!(group["page"]["pageInfo"]["hasNextPage"], true);
    assert!(data["top"]["parent"].is_null());
    assert_eq!(
        paths(&data["top"]["direct"]),
        ["acme/platform", "acme/apps", "acme/data"].map(str::to_owned).into()
    );
    assert_eq!(data["project"]["group"]["fullPath"], "acme/platform/billing");
}

#[test]
fn labels_are_listed_where_they_belong() {
    let sim = Sim::start(&sizes(20));
    let data = sim.data(
        "{ group(fullPath: \"acme/platform\") {
             own: labels(onlyGroupLabels: true) { nodes { id title } }
             above: labels(onlyGroupLabels: true, includeAncestorGroups: true) { count }
             below: labels(includeDescendantGroups: true) { nodes { id title createdAt updatedAt } } }
           project(fullPath: \"acme/platform/identity/login\") {
             own: labels { nodes { id title } }
             all: labels(includeAncestorGroups: true) { nodes { id title color description } } } }",
        &json!({}),
    );
    let group = &data["group"];
    assert_eq!(titles(&group["own"]), ["on-call"]);
    assert_eq!(group["above"]["count"], 16);
    assert_eq!(titles(&group["below"]), ["checkout", "ledger", "on-call", "on-call"]);
    let kinds: BTreeSet<&str> = group["below"]["nodes"]
        .as_array()
        .expect("nodes")
        .iter()
        .filter_map(|node| node["id"].as_str()?.split('/').nth(3))
        .collect();
    assert_eq!(kinds, ["GroupLabel", "ProjectLabel"].into());
    assert_eq!(titles(&data["project"]["own"]), ["on-call"]);
    assert_eq!(titles(&data["project"]["all"]).len(), 17);
}

#[test]
fn milestones_come_from_groups_and_projects() {
    let sim = Sim::start(&sizes(20));
    let data = sim.data(
        "{ group(fullPath: \"acme\") {
             own: milestones(first: 3) { pageInfo { hasNextPage } nodes { id title groupMilestone webPath dueDate } }
             all: milestones(includeDescendants: true) { nodes { id iid title state startDate dueDate webPath
               projectMilestone subgroupMilestone createdAt updatedAt group { fullPath } project { fullPath } } } }
           project(fullPath: \"acme/apps/web-shop\") { milestones { nodes { title } }
             above: milestones(includeAncestors: true, state: active) { nodes { title state } } } }",
        &json!({}),
    );
    assert_eq!(data["group"]["own"]["pageInfo"]["hasNextPage"], true);
    let all = data["group"]["all"]["nodes"].as_array().expect("nodes");
    let of_projects: Vec<&Value> = all.iter().filter(|node| node["projectMilestone"] == true).collect();
    assert_eq!(of_projects.len(), 6);
    assert!(
        of_projects
            .iter()
            .all(|node| node["group"].is_null() && node["project"]["fullPath"].is_string())
    );
    assert!(all.iter().any(|node| {
        node["subgroupMilestone"] == true
            && node["webPath"]
                .as_str()
                .is_some_and(|path| path.starts_with("/groups/acme/apps/-/milestones/"))
    }));
    // Those without a due date come last.
    let first_open = all
        .iter()
        .position(|node| node["dueDate"].is_null())
        .expect("some have none");
    assert!(all[first_open..].iter().all(|node| node["dueDate"].is_null()));
    assert_eq!(titles(&data["project"]["milestones"]), ["Stabilise", "Someday"]);
    assert!(titles(&data["project"]["above"]).contains(&"App store launch 🎉"));
}

const PAGE: &str = "query Issues($first: Int, $after: String, $updatedAfter: Time) { group(fullPath: \"acme\") {
    issues(includeSubgroups: true, includeArchived: true, sort: UPDATED_ASC, first: $first, after: $after,
    updatedAfter: $updatedAfter) { count pageInfo { hasNextPage endCursor } nodes { id iid projectId title state type
    confidential weight dueDate updatedAt closedAt author { id } assignees { nodes { id } } labels { nodes { title } }
    milestone { id } userNotesCount notes(first: 2) { pageInfo { hasNextPage } nodes { id system } } } } } }";

#[test]
fn issues_are_paged_by_update_and_edits_lose_nothing() {
    let sim = Sim::start(&sizes(200));
    let (mut found, mut after, mut last, mut edits) = (BTreeMap::new(), Value::Null, String::new(), 0);
    let kinds = ["edit_issue", "comment_issue", "close_issue", "open_issue"];
    loop {
        let data = sim.data(PAGE, &json!({"first": 9, "after": after}));
        let list = &data["group"]["issues"];
        for node in list["nodes"].as_array().expect("nodes") {
            let at = node["updatedAt"].as_str().expect("a time").to_owned();
            assert!(at >= last, "in order");
            last = at;
            found.insert(number(&node["id"]).expect("a number"), node.clone());
        }
        if list["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = list["pageInfo"]["endCursor"].clone();
        sim.change(&json!({"kind": kinds[edits % kinds.len()], "seed": edits}));
        edits += 1;
    }
    assert!(edits > 10, "{edits} edits");
    let rows = sim.rows("issues");
    assert_eq!(found.len(), rows.len());
    for row in &rows {
        let node = &found[&row["id"].as_u64().expect("an id")];
        for (column, field) in [
            ("updated_at", "updatedAt"),
            ("title", "title"),
            ("closed_at", "closedAt"),
        ] {
            assert_eq!(row[column], node[field], "{column} of {}", row["id"]);
        }
    }
    let some = |is: &dyn Fn(&Value) -> bool| found.values().any(is);
    assert!(some(&|node| node["state"] == "closed" && node["closedAt"].is_string()));
    assert!(some(&|node| node["state"] == "opened" && node["closedAt"].is_null()));
    assert!(some(&|node| node["confidential"] == true));
    assert!(some(&|node| node["type"] == "INCIDENT"));
    assert!(some(&|node| node["notes"]["pageInfo"]["hasNextPage"] == true));
    let since = sim.data(PAGE, &json!({"updatedAfter": last}));
    let count = since["group"]["issues"]["count"].as_u64();
    assert!(count.is_some_and(|count| (1..100).contains(&count)));
}

#[test]
fn issues_are_found_by_number_and_state() {
    let sim = Sim::start(&sizes(200));
    let data = sim.data(
        "{ project(fullPath: \"acme/platform/billing/invoice-service\") { openIssuesCount
             issue(iid: \"2\") { iid reference(full: true) webUrl }
             some: issues(iids: [\"1\", \"3\"]) { nodes { iid } }
             open: issues(state: opened) { count } all: issues(state: all) { count } } }",
        &json!({}),
    );
    let project = &data["project"];
    assert_eq!(project["issue"]["reference"], "acme/platform/billing/invoice-service#2");
    assert_eq!(project["some"]["nodes"], json!([{"iid": "3"}, {"iid": "1"}]));
    assert_eq!(project["open"]["count"], project["openIssuesCount"]);
    assert!(project["all"]["count"].as_u64() > project["open"]["count"].as_u64());
}

#[test]
fn merge_requests_tell_files_commits_and_branches() {
    let sim = Sim::start(&sizes(60));
    let list = "nodes { iid sourceBranch commitCount diffHeadSha diffStatsSummary { additions deletions fileCount }
        diffStats { path additions deletions } commits(first: 100) { nodes { sha shortId title authorName authorEmail
        authoredDate } } reviewers { nodes { id mergeRequestInteraction { reviewState } } }
        notes(first: 1) { pageInfo { hasNextPage endCursor } nodes { id } } }";
    let query = format!(
        "{{ group(fullPath: \"acme\") {{ mergeRequests(includeSubgroups: true, state: opened, sort: CREATED_ASC,
            first: 20) {{ count {list} }} }} }}"
    );
    let data = sim.data(&query, &json!({}));
    let nodes = data["group"]["mergeRequests"]["nodes"]
        .as_array()
        .expect("nodes")
        .clone();
    assert!(!nodes.is_empty());
    for node in &nodes {
        let files = node["diffStats"].as_array().expect("files");
        let sum = |field: &str| files.iter().filter_map(|file| file[field].as_u64()).sum::<u64>();
        let summary = &node["diffStatsSummary"];
        assert_eq!(summary["additions"], sum("additions"));
        assert_eq!(summary["deletions"], sum("deletions"));
        assert_eq!(summary["fileCount"], files.len());
        let commits = node["commits"]["nodes"].as_array().expect("commits");
        assert_eq!(node["commitCount"], commits.len());
        assert_eq!(commits[0]["sha"], node["diffHeadSha"], "the newest is the head");
        let shas: BTreeSet<String> = commits.iter().map(|commit| commit["sha"].to_string()).collect();
        assert_eq!(shas.len(), commits.len());
    }
    let branch = &nodes[0]["sourceBranch"];
    let found = sim.data(
        "query B($branch: String!) { group(fullPath: \"acme\") { mergeRequests(includeSubgroups: true,
            sourceBranches: [$branch]) { count nodes { sourceBranch } } } }",
        &json!({"branch": branch}),
    );
    let found = &found["group"]["mergeRequests"];
    assert_eq!(
        (&found["count"], &found["nodes"][0]["sourceBranch"]),
        (&json!(1), branch)
    );
}

#[test]
fn a_push_leaves_older_commits_alone() {
    let sim = Sim::start(&sizes(60));
    let commits = |change: &Value| -> Vec<Value> {
        let data = sim.data(
            "query C($path: ID!, $iid: String!) { project(fullPath: $path) { mergeRequest(iid: $iid) {
                commits { nodes { sha title authoredDate } } } } }",
            &json!({"path": change["project"], "iid": change["iid"].to_string()}),
        );
        data["project"]["mergeRequest"]["commits"]["nodes"]
            .as_array()
            .expect("commits")
            .clone()
    };
    let change = sim.change(&json!({"kind": "edit_title"}));
    let before = commits(&change);
    sim.change(&json!({"kind": "push", "project": change["project"], "iid": change["iid"]}));
    let after = commits(&change);
    assert!(after.len() > before.len());
    assert_eq!(after[after.len() - before.len()..], before[..]);
}
