//! The rows of `/_sim/rows` against what GraphQL tells, and those of one group's tree.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::sim::{Sim, number, sizes};

/// All nodes of a list of the group `acme`, whose field and arguments come in two parts around the page's arguments.
fn group_nodes(sim: &Sim, field: &str, arguments: &str, nodes: &str) -> BTreeMap<u64, Value> {
    let (mut found, mut after) = (BTreeMap::new(), Value::Null);
    loop {
        let query = format!(
            "query All($after: String) {{ group(fullPath: \"acme\") {{ {field}({arguments} first: 40, after: $after) {{
             pageInfo {{ hasNextPage endCursor }} nodes {{ id {nodes} }} }} }} }}"
        );
        let data = sim.data(&query, &json!({"after": after}));
        let list = &data["group"][field];
        for node in list["nodes"].as_array().expect("nodes") {
            found.insert(number(&node["id"]).expect("a number"), node.clone());
        }
        if list["pageInfo"]["hasNextPage"] == false {
            return found;
        }
        after = list["pageInfo"]["endCursor"].clone();
    }
}

fn check(rows: &[Value], told: &BTreeMap<u64, Value>, columns: &[(&str, &str)]) {
    assert_eq!(rows.len(), told.len());
    assert!(!rows.is_empty());
    for row in rows {
        let node = &told[&row["id"].as_u64().expect("an id")];
        for (column, field) in columns {
            let pointer = format!("/{field}");
            let told = node.pointer(&pointer).unwrap_or(&Value::Null);
            let told = match (&row[column], told) {
                (Value::Number(_), Value::String(gid)) if gid.starts_with("gid:") => json!(number(told)),
                (Value::Number(_), Value::String(text)) => text.parse().expect("a number"),
                // A date, of which GraphQL tells the first instant.
                (Value::String(date), Value::String(time)) if date.len() == 10 => json!(time.split('T').next()),
                _ => told.clone(),
            };
            assert_eq!(row[column], told, "{column} of {row}");
        }
    }
}

#[test]
fn rows_of_issues_equal_what_graphql_tells() {
    let sim = Sim::start(&sizes(160));
    let told = group_nodes(
        &sim,
        "issues",
        "includeSubgroups: true, includeArchived: true, sort: UPDATED_ASC,",
        "iid projectId title description state type author { id } assignees { nodes { id } } labels { nodes { title } }
         milestone { id } confidential weight dueDate webUrl userNotesCount upvotes downvotes timeEstimate
         totalTimeSpent createdAt updatedAt closedAt",
    );
    let rows = sim.rows("issues");
    check(
        &rows,
        &told,
        &[
            ("iid", "iid"),
            ("project_id", "projectId"),
            ("title", "title"),
            ("description", "description"),
            ("state", "state"),
            ("author_id", "author/id"),
            ("milestone_id", "milestone/id"),
            ("confidential", "confidential"),
            ("weight", "weight"),
            ("due_date", "dueDate"),
            ("web_url", "webUrl"),
            ("user_notes_count", "userNotesCount"),
            ("upvotes", "upvotes"),
            ("downvotes", "downvotes"),
            ("time_estimate_seconds", "timeEstimate"),
            ("time_spent_seconds", "totalTimeSpent"),
            ("created_at", "createdAt"),
            ("updated_at", "updatedAt"),
            ("closed_at", "closedAt"),
        ],
    );
    for row in &rows {
        let node = &told[&row["id"].as_u64().expect("an id")];
        assert_eq!(row["type"], node["type"].as_str().expect("a type").to_lowercase());
        let titles: Vec<&Value> = node["labels"]["nodes"]
            .as_array()
            .expect("nodes")
            .iter()
            .map(|label| &label["title"])
            .collect();
        assert_eq!(row["labels"], json!(titles));
        let people: Vec<Option<u64>> = node["assignees"]["nodes"]
            .as_array()
            .expect("nodes")
            .iter()
            .map(|user| number(&user["id"]))
            .collect();
        assert_eq!(row["assignee_ids"], json!(people));
    }
    let some = |column: &str| rows.iter().any(|row| !row[column].is_null());
    assert!(some("weight") && some("due_date") && some("milestone_id"));
}

#[test]
fn rows_of_groups_labels_and_milestones_equal_what_graphql_tells() {
    let sim = Sim::start(&sizes(20));
    let mut groups = group_nodes(
        &sim,
        "descendantGroups",
        "",
        "name path fullPath description visibility parent { id } webUrl",
    );
    let top = sim.data(
        "{ group(fullPath: \"acme\") { id name path fullPath description visibility parent { id } webUrl } }",
        &json!({}),
    );
    groups.insert(number(&top["group"]["id"]).expect("a number"), top["group"].clone());
    check(
        &sim.rows("groups"),
        &groups,
        &[
            ("name", "name"),
            ("path", "path"),
            ("full_path", "fullPath"),
            ("description", "description"),
            ("visibility", "visibility"),
            ("parent_id", "parent/id"),
            ("web_url", "webUrl"),
        ],
    );
    let labels = group_nodes(
        &sim,
        "labels",
        "includeDescendantGroups: true,",
        "title description color createdAt updatedAt",
    );
    let rows = sim.rows("labels");
    check(
        &rows,
        &labels,
        &[
            ("title", "title"),
            ("description", "description"),
            ("color", "color"),
            ("created_at", "createdAt"),
            ("updated_at", "updatedAt"),
        ],
    );
    for row in &rows {
        let of_project = labels[&row["id"].as_u64().expect("an id")]["id"]
            .as_str()
            .is_some_and(|id| id.contains("/ProjectLabel/"));
        assert_eq!(
            (row["project_id"].is_u64(), row["group_id"].is_u64()),
            (of_project, !of_project)
        );
    }
    let milestones = group_nodes(
        &sim,
        "milestones",
        "includeDescendants: true,",
        "iid title description state startDate dueDate webPath createdAt updatedAt group { id } project { id }",
    );
    let rows = sim.rows("milestones");
    check(
        &rows,
        &milestones,
        &[
            ("iid", "iid"),
            ("title", "title"),
            ("description", "description"),
            ("state", "state"),
            ("start_date", "startDate"),
            ("due_date", "dueDate"),
            ("group_id", "group/id"),
            ("project_id", "project/id"),
            ("created_at", "createdAt"),
            ("updated_at", "updatedAt"),
        ],
    );
    assert!(rows.iter().any(|row| row["state"] == "closed") && rows.iter().any(|row| row["state"] == "active"));
}

#[test]
fn relations_are_those_of_the_merge_requests() {
    let sim = Sim::start(&sizes(150));
    let rows = sim.rows("merge_requests");
    for (table, other, column) in [
        ("mr_approvals", "user_id", "approved_by_ids"),
        ("mr_assignees", "user_id", "assignee_ids"),
        ("mr_reviewers", "user_id", "reviewer_ids"),
        ("mr_labels", "title", "labels"),
        ("mr_labels", "label_id", "label_ids"),
    ] {
        let mut related: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for row in sim.rows(table) {
            assert!(row["project_id"].is_u64());
            let of = related.entry(row["merge_request_id"].to_string()).or_default();
            assert!(of.insert(row[other].to_string()), "twice: {row}");
        }
        assert!(related.len() > 20, "{table}");
        for row in &rows {
            let wanted = row[column].as_array().expect("a list").iter();
            let wanted: BTreeSet<String> = wanted.map(Value::to_string).collect();
            let found = related.remove(&row["id"].to_string()).unwrap_or_default();
            assert_eq!(found, wanted, "{table} of {}", row["id"]);
        }
        assert!(related.is_empty(), "{table} of merge requests that are not there");
    }
    let states: BTreeSet<String> = sim
        .rows("mr_reviewers")
        .iter()
        .map(|row| row["review_state"].to_string())
        .collect();
    assert!(
        states.contains("\"approved\"") && states.contains("\"unreviewed\""),
        "{states:?}"
    );
}

#[test]
fn a_groups_rows_are_those_of_its_tree() {
    let sim = Sim::start(&sizes(120));
    let rows = |table: &str, group: &str| -> Vec<Value> {
        match sim.get(&format!("/_sim/rows/{table}?group={group}")).json() {
            Value::Array(rows) => rows,
            other => panic!("{other}"),
        }
    };
    let tables = [
        "projects",
        "users",
        "merge_requests",
        "mr_notes",
        "pipelines",
        "groups",
        "labels",
        "milestones",
        "issues",
        "mr_approvals",
        "mr_assignees",
        "mr_labels",
        "mr_reviewers",
    ];
    for table in tables {
        assert_eq!(rows(table, "acme"), sim.rows(table), "{table}");
        assert!(
            rows(table, "acme/platform").len() < sim.rows(table).len() || table == "users",
            "{table}"
        );
    }
    let paths: Vec<Value> = rows("projects", "acme/platform")
        .iter()
        .map(|row| row["full_path"].clone())
        .collect();
    assert_eq!(paths.len(), 3, "{paths:?}");
    let groups: Vec<Value> = rows("groups", "acme/platform")
        .iter()
        .map(|row| row["full_path"].clone())
        .collect();
    assert_eq!(
        groups,
        ["acme/platform", "acme/platform/billing", "acme/platform/identity"]
    );
    assert_eq!(rows("labels", "acme/platform").len(), 4);
    assert_eq!(sim.get("/_sim/rows/issues?group=nope").status, 404);

    // What leaves the tree is not among its rows, but not gone either.
    let change =
        sim.change(&json!({"kind": "transfer_project_out", "project": "acme/platform/billing/invoice-service"}));
    assert_eq!(change["project"], "elsewhere/invoice-service");
    let id = &change["project_id"];
    let has = |rows: Vec<Value>| rows.iter().any(|row| row["project_id"] == *id);
    assert!(!has(rows("merge_requests", "acme")) && has(rows("merge_requests", "elsewhere")));
    assert!(has(sim.rows("merge_requests")));
    // The labels that it carried stay behind; it has its own of the same titles now.
    let titles = |group: &str| -> BTreeSet<String> {
        rows("labels", group)
            .iter()
            .map(|row| row["title"].to_string())
            .collect()
    };
    assert!(titles("elsewhere").len() > 5 && titles("elsewhere").contains("\"ledger\""));
    let ours: BTreeSet<String> = rows("mr_labels", "elsewhere")
        .iter()
        .map(|row| row["label_id"].to_string())
        .collect();
    let there: BTreeSet<String> = rows("labels", "elsewhere")
        .iter()
        .map(|row| row["id"].to_string())
        .collect();
    assert!(!ours.is_empty() && ours.is_subset(&there));
    let back = sim.change(&json!({"kind": "transfer_project_in", "group": "acme/data"}));
    assert_eq!(back["project"], "acme/data/invoice-service");
}
