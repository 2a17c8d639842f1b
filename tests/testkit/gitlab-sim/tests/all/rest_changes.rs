//! What changes of the data show in the REST API's lists.

use serde_json::{Value, json};

use crate::rest::{OPEN, list};
use crate::sim::{Sim, sizes};

#[test]
fn a_push_and_a_merge_show_in_git() {
    let sim = Sim::start(&sizes(60));
    let head = |iid: &Value| {
        let commits = list(&sim.get(&format!("/api/v4/projects/{OPEN}/merge_requests/{iid}/commits")));
        commits[0]["id"].clone()
    };
    let project = "acme/platform/billing/invoice-service";
    let change = sim.change(&json!({"kind": "push", "project": project}));
    let row = sim
        .rows("merge_requests")
        .into_iter()
        .find(|row| row["id"] == change["merge_request_id"]);
    let row = row.expect("the merge request");
    assert_eq!(head(&row["iid"]), row["head_sha"]);
    let path = format!("/api/v4/projects/{OPEN}/repository");
    let branch = |name: &Value| {
        let branches = list(&sim.get(&format!("{path}/branches?per_page=100")));
        branches.into_iter().find(|branch| branch["name"] == *name)
    };
    let found = branch(&row["source_branch"]).expect("its branch");
    assert_eq!(found["commit"]["id"], row["head_sha"]);

    let change = sim.change(&json!({"kind": "merge", "project": project}));
    let merged = sim
        .rows("merge_requests")
        .into_iter()
        .find(|row| row["id"] == change["merge_request_id"]);
    let merged = merged.expect("the merge request");
    assert!(branch(&merged["source_branch"]).is_none(), "the branch is gone");
    let since = merged["merged_at"].as_str().expect("a time");
    let commits = list(&sim.get(&format!("{path}/commits?since={since}")));
    assert_eq!(commits.len(), 1, "{commits:?}");
    assert_eq!(commits[0]["id"], merged["merge_commit_sha"]);
    assert!(commits[0].get("stats").is_none());
    let all = list(&sim.get(&format!("{path}/commits?all=true&per_page=100")));
    assert!(all.len() > list(&sim.get(&format!("{path}/commits?per_page=100"))).len());

    sim.change(&json!({"kind": "delete_merge_request", "project": project, "iid": merged["iid"]}));
    assert_eq!(
        list(&sim.get(&format!("{path}/commits?since={since}"))),
        commits,
        "Git keeps it"
    );
}

#[test]
fn labels_and_states_leave_events() {
    let sim = Sim::start(&sizes(60));
    let change = sim.change(&json!({"kind": "set_labels"}));
    let row = sim
        .rows("merge_requests")
        .into_iter()
        .find(|row| row["id"] == change["merge_request_id"]);
    let row = row.expect("the merge request");
    let path = format!("/api/v4/projects/{}/merge_requests/{}", row["project_id"], row["iid"]);
    let events = list(&sim.get(&format!("{path}/resource_label_events?per_page=100")));
    let mut titles: Vec<&str> = Vec::new();
    for event in &events {
        let title = event["label"]["name"].as_str().expect("a title");
        match event["action"].as_str() {
            Some("add") => titles.push(title),
            _ => titles.retain(|known| *known != title),
        }
    }
    titles.sort_unstable();
    assert_eq!(json!(titles), row["labels"], "the events lead to the labels");

    sim.change(&json!({"kind": "close", "iid": row["iid"], "project": project_path(&sim, &row)}));
    sim.change(&json!({"kind": "reopen", "iid": row["iid"], "project": project_path(&sim, &row)}));
    let events = list(&sim.get(&format!("{path}/resource_state_events")));
    let states: Vec<&Value> = events.iter().rev().take(2).map(|event| &event["state"]).collect();
    assert_eq!(states, ["reopened", "closed"]);
    let notes = sim.rows("mr_notes");
    let told = |note: &&Value| {
        ["closed", "reopened", "merged"]
            .iter()
            .any(|word| note["body"] == *word)
    };
    assert_eq!(notes.iter().find(told), None, "no note tells of a state");
}

fn project_path(sim: &Sim, row: &Value) -> Value {
    sim.get(&format!("/api/v4/projects/{}", row["project_id"])).json()["path_with_namespace"].clone()
}

#[test]
fn a_pipelines_end_shows_in_its_jobs() {
    let sim = Sim::start(&sizes(60));
    let change = sim.change(&json!({"kind": "start_pipeline", "project": "acme/platform/billing/invoice-service"}));
    let pipeline = change["rows"]["pipelines"][0].clone();
    let statuses = || {
        let jobs = list(&sim.get(&format!("/api/v4/projects/{OPEN}/pipelines/{pipeline}/jobs")));
        jobs.iter().map(|job| job["status"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(statuses(), ["created", "created", "running"]);
    let named = json!({"kind": "fail_pipeline", "project": change["project"], "iid": change["iid"]});
    sim.change(&named);
    assert_eq!(statuses(), ["skipped", "failed", "success"]);
}

#[test]
fn events_outlive_their_label() {
    let sim = Sim::start(&sizes(60));
    let labels = |row: &Value| row["labels"].as_array().map_or(0, Vec::len);
    let row = sim.rows("merge_requests").into_iter().max_by_key(labels).expect("rows");
    let path = format!(
        "/api/v4/projects/{}/merge_requests/{}/resource_label_events?per_page=100",
        row["project_id"], row["iid"]
    );
    let before = list(&sim.get(&path));
    let title = &row["labels"][0];
    let label = &before
        .iter()
        .find(|event| event["label"]["name"] == *title)
        .expect("its event")["label"];
    sim.change(&json!({"kind": "delete_label", "name": title}));
    let after = list(&sim.get(&path));
    assert_eq!(after.len(), before.len());
    for (old, new) in before.iter().zip(&after) {
        assert_eq!(old["id"], new["id"]);
        let left = if old["label"] == *label {
            &Value::Null
        } else {
            &old["label"]
        };
        assert_eq!(&new["label"], left, "{new}");
    }
}
