//! Reading everything page by page, as a client would.

use std::collections::BTreeMap;

use gitlab_sim::generate::Sizes;
use serde_json::{Value, json};

use crate::sim::{Sim, sizes};

const PAGE: &str = "query Page($first: Int, $after: String, $updatedAfter: Time) { group(fullPath: \"acme\") {
    mergeRequests(includeSubgroups: true, includeArchived: true, sort: UPDATED_ASC, first: $first, after: $after,
    updatedAfter: $updatedAfter) { pageInfo { hasNextPage endCursor } nodes { id updatedAt } } } }";

fn page(sim: &Sim, first: u32, after: &Value) -> (Vec<Value>, Value) {
    let data = sim.data(PAGE, &json!({"first": first, "after": after}));
    let list = &data["group"]["mergeRequests"];
    let nodes = list["nodes"].as_array().expect("nodes").clone();
    (nodes, list["pageInfo"].clone())
}

/// `updatedAt` by id; `between` runs after each page.
fn read_all(sim: &Sim, first: u32, mut between: impl FnMut()) -> BTreeMap<u64, Value> {
    let mut found = BTreeMap::new();
    let mut after = Value::Null;
    for _ in 0..1000 {
        let (nodes, info) = page(sim, first, &after);
        for node in nodes {
            let id = node["id"].as_str().expect("an id");
            let id = id.rsplit('/').next().and_then(|id| id.parse().ok()).expect("a number");
            found.insert(id, node["updatedAt"].clone());
        }
        if info["hasNextPage"] == false {
            return found;
        }
        after = info["endCursor"].clone();
        assert!(after.is_string(), "no cursor to go on from");
        between();
    }
    panic!("the pages never end");
}

fn expected(sim: &Sim) -> BTreeMap<u64, Value> {
    let rows = sim.rows("merge_requests");
    let pair = |row: &Value| (row["id"].as_u64().expect("an id"), row["updated_at"].clone());
    rows.iter().map(pair).collect()
}

#[test]
fn every_page_size_finds_every_row() {
    let sim = Sim::start(&sizes(300));
    for first in [7, 20, 100] {
        assert_eq!(read_all(&sim, first, || {}), expected(&sim), "pages of {first}");
    }
}

#[test]
fn edits_while_paging_lose_nothing() {
    let sim = Sim::start(&sizes(300));
    let kinds = [
        "edit_title",
        "comment",
        "merge",
        "open_merge_request",
        "set_labels",
        "close",
    ];
    let mut turn = 0;
    let found = read_all(&sim, 9, || {
        for _ in 0..2 {
            sim.change(&json!({"kind": kinds[turn % kinds.len()], "seed": turn}));
            turn += 1;
        }
    });
    assert!(turn > 40, "{turn} edits");
    // What moved after it was read comes again at the end, so that the last state is read too.
    assert_eq!(found, expected(&sim));
}

#[test]
fn pages_are_short_where_rows_are_hidden() {
    let sim = Sim::start(&sizes(300));
    let (mut after, mut short) = (Value::Null, 0);
    loop {
        let (nodes, info) = page(&sim, 20, &after);
        if info["hasNextPage"] == false {
            break;
        }
        short += u32::from(nodes.len() < 20);
        after = info["endCursor"].clone();
    }
    assert!(short > 0, "no page before the last was short");
}

#[test]
fn a_page_may_be_empty_with_more_to_come() {
    let sim = Sim::start(&Sizes {
        hidden_run: 120,
        ..sizes(200)
    });
    let (mut after, mut empty) = (Value::Null, None);
    for _ in 0..50 {
        let (nodes, info) = page(&sim, 10, &after);
        if nodes.is_empty() {
            empty = Some(info);
            break;
        }
        after = info["endCursor"].clone();
    }
    assert_eq!(empty, Some(json!({"hasNextPage": true, "endCursor": null})));
}

#[test]
fn a_damaged_cursor_is_refused() {
    let sim = Sim::start(&sizes(20));
    let answer = sim.try_query(PAGE, &json!({"after": "nonsense"})).expect("an answer");
    assert_eq!(answer.json()["errors"][0]["message"], "Please provide a valid cursor");
}

#[test]
fn both_ends_of_a_span_are_included() {
    let sim = Sim::start(&sizes(200));
    let newest = expected(&sim)
        .into_values()
        .max_by_key(ToString::to_string)
        .expect("rows");
    let data = sim.data(PAGE, &json!({"first": 100, "updatedAfter": newest}));
    let nodes = data["group"]["mergeRequests"]["nodes"].as_array().expect("nodes");
    assert!(nodes.iter().any(|node| node["updatedAt"] == newest), "{nodes:?}");
}
