//! Changes move what GitLab moves, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use gitlab_sim::changes::Kind;
use gitlab_sim::generate::Sizes;
use gitlab_sim::instant;
use serde_json::{Value, json};

use crate::sim::{Sim, number, sizes};

const TABLES: [&str; 13] = [
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

/// By id, or by the two ids that make the key.
type Rows = BTreeMap<String, Value>;

fn everything(sim: &Sim) -> BTreeMap<&'static str, Rows> {
    let table = |name| {
        let rows = sim.rows(name).into_iter();
        (name, rows.map(|row| (key(&row).to_string(), row)).collect())
    };
    TABLES.map(table).into()
}

fn key(row: &Value) -> Value {
    let second = ["user_id", "label_id"].map(|column| &row[column]);
    match (&row["id"], second.into_iter().find(|id| id.is_u64())) {
        (Value::Null, Some(second)) => json!([row["merge_request_id"], second]),
        (id, _) => id.clone(),
    }
}

/// Ids of rows that are new, gone or different. Users come and go with the rows that refer to them: theirs must differ.
fn moved(table: &str, before: &Rows, after: &Rows) -> BTreeSet<String> {
    let ids = before.keys().chain(after.keys()).cloned();
    ids.filter(|id| table != "users" || before.contains_key(id) && after.contains_key(id))
        .filter(|id| before.get(id) != after.get(id))
        .collect()
}

#[test]
fn every_kind_tells_exactly_the_rows_that_moved() {
    let sim = Sim::start(&Sizes { months: 1, ..sizes(50) });
    let mut before = everything(&sim);
    for round in 0..2 {
        for kind in Kind::ALL {
            let change = sim.change(&json!({"kind": kind, "seed": round}));
            let after = everything(&sim);
            for table in TABLES {
                let told = change["rows"][table].as_array().expect("ids").iter();
                let told: BTreeSet<String> = told.map(Value::to_string).collect();
                assert_eq!(
                    moved(table, &before[table], &after[table]),
                    told,
                    "{table} after {change:#}"
                );
            }
            assert!(
                change["rows"]
                    .as_object()
                    .expect("tables")
                    .values()
                    .any(|ids| ids != &json!([]))
            );
            before = after;
        }
    }
}

fn updated_at(sim: &Sim, change: &Value) -> String {
    let rows = sim.rows("merge_requests");
    let row = rows.iter().find(|row| row["id"] == change["merge_request_id"]);
    let at = &row.expect("the row is still there")["updated_at"];
    at.as_str().expect("a time").to_owned()
}

#[test]
fn quiet_changes_leave_updated_at_alone() {
    let sim = Sim::start(&sizes(250));
    let start = instant::print(instant::now());
    for kind in ["delete_note", "start_pipeline", "fail_pipeline", "show_merge_request"] {
        let change = sim.change(&json!({"kind": kind}));
        assert!(updated_at(&sim, &change) < start, "{change:#}");
    }
    for kind in [
        "comment",
        "approve",
        "merge",
        "push",
        "edit_title",
        "set_labels",
        "request_review",
    ] {
        let change = sim.change(&json!({"kind": kind}));
        assert!(updated_at(&sim, &change) >= start, "{change:#}");
    }
}

#[test]
fn an_update_that_is_not_marked() {
    let sim = Sim::start(&sizes(60));
    assert_eq!(
        sim.try_change(&json!({"kind": "throttled_touch"})).status,
        409,
        "all is older than a minute"
    );
    let first = sim.change(&json!({"kind": "edit_title"}));
    let change = sim.change(&json!({"kind": "throttled_touch"}));
    assert_eq!(change["merge_request_id"], first["merge_request_id"]);
    assert_eq!(updated_at(&sim, &change), updated_at(&sim, &first));
    assert_eq!(change["rows"]["mr_notes"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_tie_is_one_instant() {
    let sim = Sim::start(&sizes(60));
    let change = sim.change(&json!({"kind": "tie"}));
    let moved = change["rows"]["merge_requests"].as_array().expect("ids");
    assert_eq!(moved.len(), 2);
    let data = sim.data(
        "{ group(fullPath: \"acme\") { mergeRequests(includeSubgroups: true, includeArchived: true, sort: UPDATED_DESC,
           first: 2) { nodes { id updatedAt } pageInfo { startCursor endCursor } } } }",
        &json!({}),
    );
    let list = &data["group"]["mergeRequests"];
    let ids: BTreeSet<Option<u64>> = list["nodes"]
        .as_array()
        .expect("nodes")
        .iter()
        .map(|node| number(&node["id"]))
        .collect();
    assert_eq!(ids, moved.iter().map(Value::as_u64).collect());
    assert_ne!(
        list["pageInfo"]["startCursor"], list["pageInfo"]["endCursor"],
        "the id breaks the tie"
    );
}

#[test]
fn a_rename_changes_addresses_and_no_updated_at() {
    let sim = Sim::start(&sizes(60));
    let before = everything(&sim);
    let change =
        sim.change(&json!({"kind": "rename_project", "project": "acme/apps/web-shop", "name": "Market Place"}));
    assert_eq!(change["project"], "acme/apps/market-place");
    let after = everything(&sim);
    let id = change["project_id"].to_string();
    assert!(after["projects"][&id]["updated_at"].as_str() > before["projects"][&id]["updated_at"].as_str());
    for table in ["merge_requests", "issues", "mr_notes"] {
        let of_project = |row: &&Value| row["project_id"] == change["project_id"];
        assert!(after[table].values().filter(of_project).count() > 0);
        for row in after[table].values().filter(of_project) {
            let old = &before[table][&row["id"].to_string()];
            assert_eq!(old["updated_at"], row["updated_at"]);
            assert!(
                row["web_url"]
                    .as_str()
                    .is_some_and(|url| url.contains("/acme/apps/market-place/-/"))
            );
        }
    }
    let by_path = "query P($path: ID!) { project(fullPath: $path) { name } }";
    assert!(sim.data(by_path, &json!({"path": "acme/apps/web-shop"}))["project"].is_null());
    let taken = json!({"kind": "rename_project", "project": "acme/apps/market-place", "name": "market place"});
    assert_eq!(sim.try_change(&taken).status, 409);
    sim.change(&json!({"kind": "rename_group", "group": "acme/apps", "name": "Products"}));
    let found = sim.data(by_path, &json!({"path": "acme/products/market-place"}));
    assert_eq!(found["project"]["name"], "Market Place");
}

#[test]
fn a_deleted_label_is_quiet() {
    let sim = Sim::start(&sizes(60));
    let carried = sim.rows("mr_labels");
    let change = sim.change(&json!({"kind": "delete_label", "name": carried[0]["title"]}));
    let moved = change["rows"]["merge_requests"].as_array().expect("ids").clone();
    assert!(moved.contains(&carried[0]["merge_request_id"]));
    let start = instant::print(instant::now() - instant::HOUR);
    let rows = sim.rows("merge_requests");
    assert!(rows.iter().all(|row| row["updated_at"].as_str() < Some(start.as_str())));
    assert!(
        sim.rows("mr_labels")
            .iter()
            .all(|row| row["label_id"] != carried[0]["label_id"])
    );
}

#[test]
fn a_touch_within_a_minute_is_dropped() {
    let sim = Sim::start(&sizes(250));
    let first = sim.change(&json!({"kind": "edit_title"}));
    let at = updated_at(&sim, &first);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let named = |kind: &str| json!({"kind": kind, "project": first["project"], "iid": first["iid"]});
    let touch = sim.change(&named("comment"));
    assert_eq!(updated_at(&sim, &touch), at, "a comment only touches");
    let save = sim.change(&named("toggle_draft"));
    assert!(updated_at(&sim, &save) > at, "a title is a column");
}

#[test]
fn a_deleted_merge_request_leaves_a_gap_and_its_pipelines() {
    let sim = Sim::start(&sizes(60));
    let change = sim.change(&json!({"kind": "delete_merge_request"}));
    let query = format!(
        "{{ project(fullPath: {}) {{ mergeRequest(iid: \"{}\") {{ id }} }} }}",
        change["project"], change["iid"]
    );
    assert!(sim.data(&query, &json!({}))["project"]["mergeRequest"].is_null());
    assert_eq!(change["rows"]["pipelines"], json!([]));
    let notes = sim.rows("mr_notes");
    assert!(
        notes
            .iter()
            .all(|note| note["merge_request_id"] != change["merge_request_id"])
    );
}

#[test]
fn what_fits_nothing_is_refused_and_changes_nothing() {
    let sim = Sim::start(&sizes(60));
    let before = everything(&sim);
    let merged = before["merge_requests"]
        .values()
        .find(|row| row["state"] == "merged")
        .expect("a merged one");
    let path = before["projects"][&merged["project_id"].to_string()]["full_path"].clone();
    let answer = sim.try_change(&json!({"kind": "merge", "project": path, "iid": merged["iid"]}));
    assert_eq!(answer.status, 409);
    let message = answer.json()["message"].as_str().expect("a message").to_owned();
    let name = format!("{}!{}", path.as_str().expect("a path"), merged["iid"]);
    assert!(message.contains(&name), "{message}");
    assert_eq!(
        sim.try_change(&json!({"kind": "merge", "project": "acme/nope"})).status,
        409
    );
    assert_eq!(sim.try_change(&json!({"kind": "explode"})).status, 400);
    assert_eq!(everything(&sim), before);
}

#[test]
fn a_bulk_edit_moves_many_to_one_instant() {
    let sim = Sim::start(&sizes(150));
    let change = sim.change(&json!({"kind": "bulk_edit", "count": 110}));
    let ids = change["rows"]["merge_requests"].as_array().expect("ids");
    assert_eq!(ids.len(), 110);
    let rows = sim.rows("merge_requests");
    let instants: BTreeSet<String> = rows
        .iter()
        .filter(|row| ids.contains(&row["id"]))
        .map(|row| row["updated_at"].to_string())
        .collect();
    assert_eq!(instants.len(), 1);
}

#[test]
fn the_changes_of_the_demo_fit_on_every_day_of_the_week_and_at_the_turn_of_the_year() {
    // Friday, the first day of a year that ISO counts into the 53rd week of the one before; then on to the next Thursday.
    let first = instant::parse("2027-01-01T02:00:00Z").expect("a time");
    for day in 0..7 {
        // The data of scripts/demo, of which the current hour is the newest.
        let sim = Sim::start(&Sizes {
            seed: 42,
            projects: 12,
            months: 18,
            hidden_percent: 1.0,
            hidden_run: 120,
            anchor: first + day * (instant::DAY + 3 * instant::HOUR),
            ..sizes(2_000)
        });
        for kind in ["open_merge_request", "merge", "comment", "fail_pipeline"] {
            sim.change(&json!({"kind": kind}));
        }
    }
}
