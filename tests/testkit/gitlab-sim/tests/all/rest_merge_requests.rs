//! Merge requests and what belongs to them, read over REST as the classic clients do, are what the truth says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::sim::{Sim, sizes};

/// All pages of a list.
fn all(sim: &Sim, address: &str) -> Vec<Value> {
    let mut items = Vec::new();
    for page in 1.. {
        let answer = sim.get(&format!("{address}per_page=30&page={page}"));
        assert_eq!(answer.status, 200, "{address}");
        items.extend(answer.json().as_array().expect("a list").iter().cloned());
        if answer.header("x-next-page").is_none_or(str::is_empty) {
            break;
        }
    }
    items
}

fn ids(rows: &[Value], pointer: &str) -> BTreeSet<u64> {
    rows.iter()
        .filter_map(|row| row.pointer(pointer).and_then(Value::as_u64))
        .collect()
}

/// The ids of rows of a table, by the merge request that they belong to.
fn by_merge_request(rows: &[Value], id: &str) -> BTreeMap<u64, BTreeSet<u64>> {
    let mut by: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    for row in rows {
        let owner = row["merge_request_id"].as_u64().expect("an owner");
        by.entry(owner).or_default().extend(row[id].as_u64());
    }
    by
}

#[test]
fn merge_requests_and_their_belongings_are_the_truth() {
    let sim = Sim::start(&sizes(120));
    sim.faults(&json!({"rate_limit": 0}));
    let truth = sim.rows("merge_requests");
    let notes = by_merge_request(&sim.rows("mr_notes"), "id");
    let approvals = by_merge_request(&sim.rows("mr_approvals"), "user_id");
    let mut read = BTreeSet::new();
    for project in all(&sim, "/api/v4/projects?") {
        let path = format!("/api/v4/projects/{}/merge_requests", project["id"]);
        for item in all(&sim, &format!("{path}?scope=all&")) {
            let row = truth.iter().find(|row| row["id"] == item["id"]).expect("a visible one");
            for column in [
                "iid",
                "title",
                "state",
                "draft",
                "labels",
                "description",
                "source_branch",
                "user_notes_count",
            ] {
                assert_eq!(item[column], row[column], "{column} of {}", row["id"]);
            }
            assert_eq!(
                item.pointer("/author/id").cloned().unwrap_or_default(),
                row["author_id"]
            );
            let id = row["id"].as_u64().expect("an id");
            read.insert(id);
            let one = format!("{path}/{}", row["iid"]);
            let empty = BTreeSet::new();
            let of_notes = ids(&all(&sim, &format!("{one}/notes?")), "/id");
            assert_eq!(&of_notes, notes.get(&id).unwrap_or(&empty), "notes of {id}");
            let given = sim.get(&format!("{one}/approvals")).json();
            let given = ids(given["approved_by"].as_array().expect("a list"), "/user/id");
            assert_eq!(&given, approvals.get(&id).unwrap_or(&empty), "approvals of {id}");
            let changes = sim.get(&format!("{one}/changes")).json();
            let lines = |sign: char| -> usize {
                let files = changes["changes"].as_array().expect("files").iter();
                files
                    .flat_map(|file| file["diff"].as_str().expect("a diff").lines())
                    .filter(|line| line.starts_with(sign))
                    .count()
            };
            assert_eq!(
                (json!(lines('+')), json!(lines('-'))),
                (row["additions"].clone(), row["deletions"].clone())
            );
            let pipelines = all(&sim, &format!("{one}/pipelines?"));
            if row["head_pipeline_id"].is_u64() {
                assert!(
                    pipelines
                        .iter()
                        .any(|pipeline| pipeline["id"] == row["head_pipeline_id"]),
                    "{id}"
                );
            }
        }
    }
    assert_eq!(read, ids(&truth, "/id"));
}

#[test]
fn lists_narrow_and_order_as_they_are_asked_to() {
    let sim = Sim::start(&sizes(120));
    let project = sim.rows("merge_requests")[0]["project_id"].clone();
    let path = format!("/api/v4/projects/{project}/merge_requests");
    let updated = all(&sim, &format!("{path}?order_by=updated_at&sort=asc&"));
    let times: Vec<&str> = updated.iter().filter_map(|row| row["updated_at"].as_str()).collect();
    assert!(times.is_sorted() && times.len() > 4, "{times:?}");
    let since = times[times.len() / 2];
    let newer = all(&sim, &format!("{path}?updated_after={since}&"));
    assert!(!newer.is_empty() && newer.len() < updated.len());
    assert!(newer.iter().all(|row| row["updated_at"].as_str() >= Some(since)));
    let merged = all(&sim, &format!("{path}?state=merged&"));
    assert!(!merged.is_empty() && merged.iter().all(|row| row["state"] == "merged"));
    let pipelines = all(&sim, &format!("/api/v4/projects/{project}/pipelines?"));
    let truth = sim.rows("pipelines");
    let here = truth.iter().filter(|row| row["project_id"] == project).count();
    assert_eq!(pipelines.len(), here);
    let one = &pipelines[0];
    let whole = sim
        .get(&format!("/api/v4/projects/{project}/pipelines/{}", one["id"]))
        .json();
    assert_eq!((&whole["id"], &whole["status"]), (&one["id"], &one["status"]));
}

#[test]
fn users_and_a_groups_projects_are_listed() {
    let sim = Sim::start(&sizes(60));
    let known = ids(&all(&sim, "/api/v4/users?"), "/id");
    assert!(known.is_superset(&ids(&sim.rows("users"), "/id")));
    let group = sim.get("/api/v4/groups/acme").json();
    let own: Vec<Value> = all(&sim, "/api/v4/groups/acme/projects?");
    assert_eq!(
        ids(group["projects"].as_array().expect("projects"), "/id"),
        ids(&own, "/id")
    );
}
