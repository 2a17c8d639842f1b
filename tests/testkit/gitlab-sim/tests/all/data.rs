//! The awkward habits of real data are there, and the rows of `/_sim` are what GraphQL tells.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sim::{Sim, number, sizes};

fn count(rows: &[Value], is: impl Fn(&Value) -> bool) -> usize {
    rows.iter().filter(|row| is(row)).count()
}

#[test]
fn awkward_rows_are_among_the_data() {
    let sim = Sim::start(&sizes(2000));
    let (merge_requests, notes) = (sim.rows("merge_requests"), sim.rows("mr_notes"));
    assert_eq!(merge_requests.len(), 2000);
    let text = |row: &Value, column: &str| row[column].as_str().unwrap_or_default().to_owned();
    assert!(count(&merge_requests, |row| row["author_id"].is_null()) > 0);
    assert!(count(&notes, |row| row["author_id"].is_null()) > 0);
    assert!(count(&merge_requests, |row| row["source_project_id"].is_null()) > 0);
    assert!(count(&merge_requests, |row| text(row, "title").contains('🚀')) > 0);
    assert!(count(&notes, |row| !text(row, "body").is_ascii()) > 0);
    assert!(count(&merge_requests, |row| text(row, "description").len() > 100_000) > 0);
    assert!(count(&merge_requests, |row| row["description"].is_null()) > 0);
    assert!(count(&merge_requests, |row| row["state"] == "locked") > 0);
    let mut instants: BTreeMap<String, u32> = BTreeMap::new();
    for row in &merge_requests {
        let at = text(row, "updated_at");
        assert!(at.len() == 20 && at.ends_with('Z'), "whole seconds: {at}");
        *instants.entry(at).or_default() += 1;
    }
    assert!(
        instants.values().any(|rows| *rows > 100),
        "more than a page at one instant"
    );
}

#[test]
fn rows_equal_what_graphql_tells() {
    let sim = Sim::start(&sizes(150));
    let mut told = BTreeMap::new();
    for project in sim.rows("projects") {
        let mut after = Value::Null;
        loop {
            let query = "query All($path: ID!, $after: String) { project(fullPath: $path) {
                mergeRequests(first: 50, after: $after) { pageInfo { hasNextPage endCursor } nodes { id iid title state
                description author { id } createdAt updatedAt mergedAt draft detailedMergeStatus approvalsLeft
                userNotesCount headPipeline { id status } diffStatsSummary { additions } webUrl
                notes { nodes { id } } } } } }";
            let data = sim.data(query, &json!({"path": project["full_path"], "after": after}));
            let list = data["project"]["mergeRequests"].clone();
            for node in list["nodes"].as_array().expect("nodes") {
                told.insert(number(&node["id"]), node.clone());
            }
            if list["pageInfo"]["hasNextPage"] == false {
                break;
            }
            after = list["pageInfo"]["endCursor"].clone();
        }
    }
    let notes = sim.rows("mr_notes");
    let rows = sim.rows("merge_requests");
    assert_eq!(rows.len(), told.len());
    for row in &rows {
        let node = &told[&row["id"].as_u64()];
        for (column, field) in [
            ("title", "title"),
            ("state", "state"),
            ("description", "description"),
            ("created_at", "createdAt"),
            ("updated_at", "updatedAt"),
            ("merged_at", "mergedAt"),
            ("draft", "draft"),
            ("approvals_left", "approvalsLeft"),
            ("user_notes_count", "userNotesCount"),
            ("web_url", "webUrl"),
        ] {
            assert_eq!(row[column], node[field], "{column} of {}", row["id"]);
        }
        assert_eq!(row["iid"].to_string(), node["iid"].as_str().expect("text"));
        assert_eq!(row["author_id"].as_u64(), number(&node["author"]["id"]));
        assert_eq!(row["additions"], node["diffStatsSummary"]["additions"]);
        assert_eq!(
            lower(&row["last_pipeline_status"]),
            lower(&node["headPipeline"]["status"])
        );
        assert_eq!(
            lower(&row["detailed_merge_status"]),
            lower(&node["detailedMergeStatus"])
        );
        let own = count(&notes, |note| note["merge_request_id"] == row["id"]);
        // A connection without a size is a page of a hundred.
        assert_eq!(own.min(100), node["notes"]["nodes"].as_array().map_or(0, Vec::len));
    }
}

fn lower(value: &Value) -> Option<String> {
    value.as_str().map(str::to_lowercase)
}
