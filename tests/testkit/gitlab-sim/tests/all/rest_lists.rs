//! Each REST list, read page by page as a client would, holds what the truth says a warehouse should.

use std::collections::BTreeMap;

use gitlab_sim::instant;
use serde_json::{Value, json};

use crate::rest_columns::{LISTS, List};
use crate::sim::{Sim, sizes};

#[test]
fn every_list_read_to_its_end_is_the_truth() {
    let sim = Sim::start(&sizes(120));
    assert_lists(&sim);
}

#[test]
fn every_list_is_the_truth_after_changes() {
    let sim = Sim::start(&sizes(120));
    for kind in gitlab_sim::changes::Kind::ALL {
        sim.change(&json!({"kind": kind}));
    }
    assert_lists(&sim);
}

fn assert_lists(sim: &Sim) {
    // Thousands of requests: nobody tests the limit here.
    sim.faults(&json!({"rate_limit": 0}));
    let mut told: BTreeMap<&str, BTreeMap<String, Value>> = BTreeMap::new();
    let (mut refused, mut paged) = (0, 0);
    for list in LISTS {
        let rows = told.entry(list.table).or_default();
        for (path, owner) in owners(sim, list.owner) {
            let Some((items, pages)) = read(sim, &format!("{path}/{}", list.below)) else {
                refused += 1;
                continue;
            };
            paged += usize::from(pages > 1);
            for item in items {
                let row = mapped(list, &owner, &item);
                assert!(
                    rows.insert(key(list, &row), row).is_none(),
                    "{}: {item} came twice",
                    list.table
                );
            }
        }
    }
    assert!(
        refused > 3 && paged > 20,
        "{refused} refused, {paged} with several pages"
    );
    for (table, rows) in told {
        let list = LISTS.iter().find(|list| list.table == table).expect("a list");
        let truth: BTreeMap<String, Value> = sim.rows(table).into_iter().map(|row| (key(list, &row), row)).collect();
        assert!(!truth.is_empty(), "{table} is empty: the test would prove nothing");
        assert_eq!(rows.len(), truth.len(), "{table}");
        for (key, row) in &truth {
            assert_eq!(rows.get(key), Some(row), "{table} {key}");
        }
    }
}

/// The addresses of all groups, projects or merge requests with their numbers.
fn owners(sim: &Sim, kind: &str) -> Vec<(String, Value)> {
    match kind {
        "merge_requests" | "issues" | "deployments" => sim
            .rows(kind)
            .into_iter()
            .map(|row| {
                let name = if kind == "deployments" { &row["id"] } else { &row["iid"] };
                let path = format!("/api/v4/projects/{}/{kind}/{name}", row["project_id"]);
                (path, json!({"id": row["id"], "project_id": row["project_id"]}))
            })
            .collect(),
        "epics" => sim
            .rows("epics")
            .into_iter()
            .map(|row| {
                let path = format!("/api/v4/groups/{}/epics/{}", row["group_id"], row["iid"]);
                (path, json!({"id": row["id"], "group_id": row["group_id"]}))
            })
            .collect(),
        kind => {
            let (items, _) = read(sim, &format!("/api/v4/{kind}?")).expect("a list");
            let owner = |item: Value| {
                let path = format!("/api/v4/{kind}/{}", item["id"]);
                let source = kind.trim_end_matches('s');
                (path, json!({"id": item["id"], "source_type": source}))
            };
            items.into_iter().map(owner).collect()
        }
    }
}

/// All pages and their number; None if the list is refused.
fn read(sim: &Sim, address: &str) -> Option<(Vec<Value>, usize)> {
    let (mut items, mut page) = (Vec::new(), 1);
    loop {
        let answer = sim.get(&format!("{address}per_page=7&page={page}"));
        if matches!(answer.status, 403 | 404) {
            assert_eq!(page, 1, "{address}");
            return None;
        }
        assert_eq!(answer.status, 200, "{address}");
        items.extend(answer.json().as_array().expect("a list").iter().cloned());
        match answer.header("x-next-page").and_then(|next| next.parse().ok()) {
            Some(next) => page = next,
            None => return Some((items, page)),
        }
    }
}

fn mapped(list: &List, owner: &Value, item: &Value) -> Value {
    let column = |(name, from): (&str, &str)| {
        let value = match from.strip_prefix('=') {
            Some(of_owner) => owner[of_owner].clone(),
            None => item.pointer(from).cloned().unwrap_or_default(),
        };
        let at = value
            .as_str()
            .filter(|_| name.ends_with("_at"))
            .and_then(instant::parse);
        // A date stays a date; of a time, fractions and zone go.
        let value = match at {
            Some(at) if value.as_str().is_some_and(|text| text.len() > 10) => json!(instant::print(at)),
            _ => value,
        };
        (name.to_owned(), value)
    };
    Value::Object(list.columns().map(column).collect())
}

fn key(list: &List, row: &Value) -> String {
    let parts = list.columns().take(list.key).map(|(name, _)| row[name].to_string());
    parts.collect::<Vec<_>>().join(" ")
}

#[test]
fn issues_of_this_and_other_trackers_are_closed_by_merge_requests() {
    let sim = Sim::start(&sizes(120));
    let mut told = Vec::new();
    for (path, owner) in owners(&sim, "merge_requests") {
        let (items, _) = read(&sim, &format!("{path}/closes_issues?")).expect("a list");
        told.extend(items.into_iter().map(|item| {
            let reference = item.pointer("/references/full");
            json!({
                "merge_request_id": owner["id"], "project_id": owner["project_id"],
                "reference": reference.unwrap_or(&item["id"]), "issue_id": reference.map(|_| &item["id"]),
            })
        }));
    }
    let elsewhere = told.iter().filter(|row| row["issue_id"].is_null()).count();
    assert!(
        elsewhere > 0 && told.len() > 10 * elsewhere,
        "{elsewhere} of {}",
        told.len()
    );
    assert_eq!(told, sim.rows("mr_closes_issues"));
}

#[test]
fn files_and_notes_add_up_to_what_their_owners_count() {
    let sim = Sim::start(&sizes(120));
    let sums = |rows: Vec<Value>, owner: &str, count: &dyn Fn(&Value) -> u64| {
        let mut sums: BTreeMap<u64, u64> = BTreeMap::new();
        for row in rows {
            *sums.entry(row[owner].as_u64().expect("an owner")).or_default() += count(&row);
        }
        sums
    };
    let changed = |row: &Value| row["additions"].as_u64().unwrap_or(0) + row["deletions"].as_u64().unwrap_or(0);
    let mut of_files = sums(sim.rows("mr_diff_files"), "merge_request_id", &changed);
    for row in sim.rows("merge_requests") {
        let sum = of_files.remove(&row["id"].as_u64().expect("an id"));
        assert_eq!(sum.unwrap_or_default(), changed(&row), "{}", row["id"]);
    }
    assert!(of_files.is_empty());
    let by_people = |row: &Value| u64::from(row["system"] == false);
    let mut of_notes = sums(sim.rows("issue_notes"), "issue_id", &by_people);
    assert!(!of_notes.is_empty());
    for row in sim.rows("issues") {
        let sum = of_notes.remove(&row["id"].as_u64().expect("an id"));
        assert_eq!(json!(sum.unwrap_or_default()), row["user_notes_count"], "{}", row["id"]);
    }
    assert!(of_notes.is_empty());
}
