//! Each REST list, read page by page as a client would, holds what the truth says a warehouse should.

use std::collections::BTreeMap;

use gitlab_sim::instant;
use serde_json::{Value, json};

use crate::sim::{Sim, sizes};

/// A list: its table, its owner, its address below the owner, and for each column where the JSON has it. A path of the
/// form `=id` is the owner's number. The columns in front of the bar are the key.
struct List {
    table: &'static str,
    owner: &'static str,
    below: &'static str,
    key: usize,
    columns: &'static [(&'static str, &'static str)],
}

const LISTS: &[List] = &[
    List {
        table: "commits",
        owner: "projects",
        below: "repository/commits?with_stats=true&",
        key: 2,
        columns: &[
            ("project_id", "=id"),
            ("sha", "/id"),
            ("short_sha", "/short_id"),
            ("title", "/title"),
            ("message", "/message"),
            ("author_name", "/author_name"),
            ("author_email", "/author_email"),
            ("authored_at", "/authored_date"),
            ("committer_name", "/committer_name"),
            ("committer_email", "/committer_email"),
            ("committed_at", "/committed_date"),
            ("parent_shas", "/parent_ids"),
            ("additions", "/stats/additions"),
            ("deletions", "/stats/deletions"),
            ("web_url", "/web_url"),
        ],
    },
    List {
        table: "branches",
        owner: "projects",
        below: "repository/branches?",
        key: 2,
        columns: &[
            ("project_id", "=id"),
            ("name", "/name"),
            ("commit_sha", "/commit/id"),
            ("merged", "/merged"),
            ("protected", "/protected"),
            ("is_default", "/default"),
            ("developers_can_push", "/developers_can_push"),
            ("developers_can_merge", "/developers_can_merge"),
            ("committed_at", "/commit/committed_date"),
            ("web_url", "/web_url"),
        ],
    },
    List {
        table: "tags",
        owner: "projects",
        below: "repository/tags?",
        key: 2,
        columns: &[
            ("project_id", "=id"),
            ("name", "/name"),
            ("message", "/message"),
            ("target_sha", "/target"),
            ("commit_sha", "/commit/id"),
            ("committed_at", "/commit/committed_date"),
            ("protected", "/protected"),
        ],
    },
    List {
        table: "releases",
        owner: "projects",
        below: "releases?",
        key: 2,
        columns: &[
            ("project_id", "=id"),
            ("tag_name", "/tag_name"),
            ("name", "/name"),
            ("description", "/description"),
            ("author_id", "/author/id"),
            ("commit_sha", "/commit/id"),
            ("upcoming_release", "/upcoming_release"),
            ("created_at", "/created_at"),
            ("released_at", "/released_at"),
        ],
    },
    List {
        table: "jobs",
        owner: "projects",
        below: "jobs?",
        key: 1,
        columns: &[
            ("id", "/id"),
            ("project_id", "=id"),
            ("pipeline_id", "/pipeline/id"),
            ("name", "/name"),
            ("stage", "/stage"),
            ("status", "/status"),
            ("ref", "/ref"),
            ("tag", "/tag"),
            ("allow_failure", "/allow_failure"),
            ("failure_reason", "/failure_reason"),
            ("user_id", "/user/id"),
            ("commit_sha", "/commit/id"),
            ("created_at", "/created_at"),
            ("started_at", "/started_at"),
            ("finished_at", "/finished_at"),
            ("erased_at", "/erased_at"),
            ("duration_seconds", "/duration"),
            ("queued_duration_seconds", "/queued_duration"),
            ("coverage", "/coverage"),
            ("web_url", "/web_url"),
        ],
    },
    List {
        table: "deployments",
        owner: "projects",
        below: "deployments?order_by=updated_at&sort=desc&",
        key: 1,
        columns: &[
            ("id", "/id"),
            ("iid", "/iid"),
            ("project_id", "=id"),
            ("environment_id", "/environment/id"),
            ("environment_name", "/environment/name"),
            ("status", "/status"),
            ("ref", "/ref"),
            ("sha", "/sha"),
            ("user_id", "/user/id"),
            ("job_id", "/deployable/id"),
            ("created_at", "/created_at"),
            ("updated_at", "/updated_at"),
        ],
    },
    List {
        table: "environments",
        owner: "projects",
        below: "environments?",
        key: 1,
        columns: &[
            ("id", "/id"),
            ("project_id", "=id"),
            ("name", "/name"),
            ("slug", "/slug"),
            ("state", "/state"),
            ("tier", "/tier"),
            ("external_url", "/external_url"),
            ("created_at", "/created_at"),
            ("updated_at", "/updated_at"),
        ],
    },
    List {
        table: "vulnerabilities",
        owner: "projects",
        below: "vulnerabilities?",
        key: 1,
        columns: &[
            ("id", "/id"),
            ("project_id", "/project/id"),
            ("title", "/title"),
            ("description", "/description"),
            ("state", "/state"),
            ("severity", "/severity"),
            ("report_type", "/report_type"),
            ("created_at", "/created_at"),
            ("updated_at", "/updated_at"),
            ("confirmed_at", "/confirmed_at"),
            ("resolved_at", "/resolved_at"),
            ("dismissed_at", "/dismissed_at"),
        ],
    },
    List {
        table: "epics",
        owner: "groups",
        below: "epics?include_descendant_groups=false&",
        key: 1,
        columns: &[
            ("id", "/id"),
            ("iid", "/iid"),
            ("group_id", "/group_id"),
            ("title", "/title"),
            ("description", "/description"),
            ("state", "/state"),
            ("author_id", "/author/id"),
            ("parent_id", "/parent_id"),
            ("labels", "/labels"),
            ("start_date", "/start_date"),
            ("due_date", "/due_date"),
            ("web_url", "/web_url"),
            ("upvotes", "/upvotes"),
            ("downvotes", "/downvotes"),
            ("created_at", "/created_at"),
            ("updated_at", "/updated_at"),
            ("closed_at", "/closed_at"),
        ],
    },
    List {
        table: "iterations",
        owner: "groups",
        below: "iterations?include_ancestors=false&",
        key: 1,
        columns: &[
            ("id", "/id"),
            ("iid", "/iid"),
            ("group_id", "/group_id"),
            ("sequence", "/sequence"),
            ("title", "/title"),
            ("description", "/description"),
            ("state", "/state"),
            ("start_date", "/start_date"),
            ("due_date", "/due_date"),
            ("web_url", "/web_url"),
            ("created_at", "/created_at"),
            ("updated_at", "/updated_at"),
        ],
    },
    List {
        table: "members",
        owner: "groups",
        below: "members?",
        key: 3,
        columns: MEMBER,
    },
    List {
        table: "members",
        owner: "projects",
        below: "members?",
        key: 3,
        columns: MEMBER,
    },
    List {
        table: "variables",
        owner: "groups",
        below: "variables?",
        key: 4,
        columns: VARIABLE,
    },
    List {
        table: "variables",
        owner: "projects",
        below: "variables?",
        key: 4,
        columns: VARIABLE,
    },
    List {
        table: "issue_boards",
        owner: "groups",
        below: "boards?",
        key: 1,
        columns: BOARD,
    },
    List {
        table: "issue_boards",
        owner: "projects",
        below: "boards?",
        key: 1,
        columns: BOARD,
    },
    List {
        table: "mr_commits",
        owner: "merge_requests",
        below: "commits?",
        key: 2,
        columns: &[
            ("merge_request_id", "=id"),
            ("sha", "/id"),
            ("project_id", "=project_id"),
            ("short_sha", "/short_id"),
            ("title", "/title"),
            ("author_name", "/author_name"),
            ("author_email", "/author_email"),
            ("authored_at", "/authored_date"),
            ("committed_at", "/committed_date"),
        ],
    },
    List {
        table: "mr_state_events",
        owner: "merge_requests",
        below: "resource_state_events?",
        key: 1,
        columns: &[
            ("id", "/id"),
            ("project_id", "=project_id"),
            ("merge_request_id", "/resource_id"),
            ("user_id", "/user/id"),
            ("state", "/state"),
            ("created_at", "/created_at"),
        ],
    },
    List {
        table: "mr_label_events",
        owner: "merge_requests",
        below: "resource_label_events?",
        key: 1,
        columns: &[
            ("id", "/id"),
            ("project_id", "=project_id"),
            ("merge_request_id", "/resource_id"),
            ("user_id", "/user/id"),
            ("label_id", "/label/id"),
            ("label_title", "/label/name"),
            ("action", "/action"),
            ("created_at", "/created_at"),
        ],
    },
];

const MEMBER: &[(&str, &str)] = &[
    ("source_type", "=source_type"),
    ("source_id", "=id"),
    ("user_id", "/id"),
    ("username", "/username"),
    ("name", "/name"),
    ("state", "/state"),
    ("access_level", "/access_level"),
    ("membership_state", "/membership_state"),
    ("created_at", "/created_at"),
    ("expires_at", "/expires_at"),
];

const VARIABLE: &[(&str, &str)] = &[
    ("source_type", "=source_type"),
    ("source_id", "=id"),
    ("key", "/key"),
    ("environment_scope", "/environment_scope"),
    ("variable_type", "/variable_type"),
    ("protected", "/protected"),
    ("masked", "/masked"),
    ("raw", "/raw"),
    ("description", "/description"),
];

const BOARD: &[(&str, &str)] = &[
    ("id", "/id"),
    ("group_id", "/group/id"),
    ("project_id", "/project/id"),
    ("name", "/name"),
];

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
        "merge_requests" => sim
            .rows("merge_requests")
            .into_iter()
            .map(|row| {
                let path = format!("/api/v4/projects/{}/merge_requests/{}", row["project_id"], row["iid"]);
                (path, json!({"id": row["id"], "project_id": row["project_id"]}))
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
    let column = |(name, from): &(&str, &str)| {
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
        ((*name).to_owned(), value)
    };
    Value::Object(list.columns.iter().map(column).collect())
}

fn key(list: &List, row: &Value) -> String {
    let parts = list.columns[..list.key].iter().map(|(name, _)| row[name].to_string());
    parts.collect::<Vec<_>>().join(" ")
}
