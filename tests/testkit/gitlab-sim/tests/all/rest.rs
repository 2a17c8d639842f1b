//! The REST API's habits: pages, filters, refusals, tokens.

use gitlab_sim::generate::Sizes;
use gitlab_sim::rest::CANARY;
use serde_json::{Value, json};

use crate::http::Answer;
use crate::sim::{Sim, sizes};

/// A project where everything is on, one without jobs, one without a repository that the token may read.
pub const OPEN: u64 = 301;
const NO_JOBS: u64 = 304;
const NO_CODE: u64 = 305;

pub fn list(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json().as_array().expect("a list").clone()
}

fn ids(answer: &Answer) -> Vec<u64> {
    list(answer).iter().filter_map(|item| item["id"].as_u64()).collect()
}

/// Where a header `Link` leads to.
fn link(answer: &Answer, rel: &str) -> Option<String> {
    let wanted = format!("; rel=\"{rel}\"");
    let entry = answer
        .header("link")?
        .split(", ")
        .find(|entry| entry.ends_with(&wanted))?;
    let address = entry.trim_start_matches('<').split('>').next()?;
    let path = address.strip_prefix("http://sim").expect("the host that was asked");
    Some(path.to_owned())
}

#[test]
fn pages_are_clamped_and_linked() {
    let sim = Sim::start(&sizes(400));
    let path = format!("/api/v4/projects/{OPEN}/repository/branches");
    let small = sim.get(&format!("{path}?per_page=3"));
    assert_eq!(list(&small).len(), 3);
    let total: usize = small.header("x-total").expect("a total").parse().expect("a number");
    assert!(total > 9, "{total} branches");
    let large = sim.get(&format!("{path}?per_page=1000"));
    assert_eq!((large.header("x-per-page"), list(&large).len()), (Some("100"), total));
    assert_eq!(list(&sim.get(&path)).len(), total.min(20));

    let (mut found, mut pages, mut at) = (list(&small), 1, link(&small, "next"));
    let last = link(&small, "last");
    while let Some(next) = at {
        let answer = sim.get(&next);
        found.extend(list(&answer));
        pages += 1;
        at = link(&answer, "next");
        if at.is_none() {
            assert_eq!(Some(next), last);
            assert_eq!(answer.header("x-next-page"), Some(""));
        }
        assert!(link(&answer, "prev").is_some());
    }
    assert_eq!((found, pages), (list(&large), total.div_ceil(3)));
}

#[test]
fn jobs_are_paged_by_key_without_a_total() {
    let sim = Sim::start(&sizes(100));
    let path = format!("/api/v4/projects/{OPEN}/jobs?per_page=100");
    let first = sim.get(&path);
    assert!(first.header("x-total").is_none() && link(&first, "last").is_none());
    let mut by_page = ids(&first);
    for page in 2.. {
        let more = ids(&sim.get(&format!("{path}&page={page}")));
        if more.is_empty() {
            break;
        }
        by_page.extend(more);
    }
    let (mut by_key, mut at) = (Vec::new(), Some(format!("{path}&pagination=keyset")));
    while let Some(next) = at {
        let answer = sim.get(&next);
        by_key.extend(ids(&answer));
        at = link(&answer, "next");
    }
    assert!(by_key.is_sorted_by(|a, b| a > b) && by_key.len() > 300);
    assert_eq!(by_key, by_page);
    for wrong in ["&pagination=keyset&sort=asc", "&pagination=keyset&order_by=name"] {
        assert_eq!(sim.get(&format!("{path}{wrong}")).status, 405);
    }
    assert_eq!(
        sim.get(&format!("{path}&pagination=keyset&cursor=nonsense")).status,
        400
    );
}

#[test]
fn jobs_are_filtered_by_scope_and_by_pipeline() {
    let sim = Sim::start(&sizes(60));
    let path = format!("/api/v4/projects/{OPEN}");
    let jobs = list(&sim.get(&format!("{path}/jobs?scope[]=failed&scope[]=canceled&per_page=100")));
    let status = |job: &Value| job["status"].as_str().map(str::to_owned);
    assert!(
        jobs.iter()
            .all(|job| job.get("failure_reason").is_some() == (job["status"] == "failed"))
    );
    for wanted in ["failed", "canceled"] {
        assert!(
            jobs.iter().any(|job| status(job).as_deref() == Some(wanted)),
            "{wanted}"
        );
    }
    assert!(!jobs.iter().any(|job| job["status"] == "success"));
    let pipeline = &jobs[0]["pipeline"]["id"];
    let of_pipeline = list(&sim.get(&format!("{path}/pipelines/{pipeline}/jobs")));
    assert_eq!(of_pipeline.len(), 3);
    assert!(of_pipeline.contains(&jobs[0]));
    assert_eq!(sim.get(&format!("{path}/jobs?scope=odd")).status, 400);
    assert_eq!(sim.get(&format!("{path}/pipelines/1/jobs")).status, 404);
}

#[test]
fn projects_are_found_by_path_and_paged_by_key() {
    let sim = Sim::start(&sizes(20));
    let by_path = sim.get("/api/v4/projects/acme%2Fapps%2Fweb-shop").json();
    assert_eq!(by_path, sim.get("/api/v4/projects/302").json());
    assert_eq!(by_path["path_with_namespace"], "acme/apps/web-shop");
    let group = sim.get("/api/v4/groups/acme%2Fplatform").json();
    assert_eq!((&group["id"], &group["parent_id"]), (&json!(52), &json!(51)));
    assert_eq!(list(&sim.get("/api/v4/groups/acme/descendant_groups")).len(), 6);
    assert_eq!(list(&sim.get("/api/v4/groups/acme/subgroups")).len(), 3);
    assert_eq!(list(&sim.get("/api/v4/groups/acme/projects")).len(), 0);
    assert_eq!(
        list(&sim.get("/api/v4/groups/acme/projects?include_subgroups=true")).len(),
        5
    );
    assert_eq!(sim.get("/api/v4/users/11").json()["username"], "amara.okafor");
    for unknown in ["projects/acme%2Fnothing", "projects/9", "groups/nothing", "users/9"] {
        assert_eq!(sim.get(&format!("/api/v4/{unknown}")).status, 404, "{unknown}");
    }

    let (mut found, mut pages) = (Vec::new(), 0);
    let mut at = Some("/api/v4/projects?pagination=keyset&order_by=id&sort=asc&per_page=5".to_owned());
    while let Some(next) = at {
        let answer = sim.get(&next);
        found.extend(ids(&answer));
        pages += 1;
        at = link(&answer, "next");
    }
    // A full page promises another one, even if that one is empty.
    assert_eq!((found, pages), (vec![301, 302, 303, 304, 305], 2));
}

#[test]
fn what_is_switched_off_is_refused() {
    let sim = Sim::start(&sizes(60));
    for below in ["jobs", "environments", "deployments"] {
        let answer = sim.get(&format!("/api/v4/projects/{NO_JOBS}/{below}"));
        assert_eq!(
            (answer.status, answer.json()),
            (403, json!({"message": "403 Forbidden"})),
            "{below}"
        );
        assert_eq!(sim.get(&format!("/api/v4/projects/{NO_CODE}/{below}")).status, 200);
    }
    for below in ["commits", "branches", "tags"] {
        let answer = sim.get(&format!("/api/v4/projects/{NO_CODE}/repository/{below}"));
        assert_eq!(
            (answer.status, answer.json()),
            (404, json!({"message": "404 Repository Not Found"}))
        );
        assert_eq!(
            sim.get(&format!("/api/v4/projects/{NO_JOBS}/repository/{below}"))
                .status,
            200
        );
    }
    let hidden_lists = |table: &str, project: u64| {
        let rows = sim.rows(table);
        !rows.is_empty() && rows.iter().all(|row| row["project_id"] != project)
    };
    assert!(hidden_lists("jobs", NO_JOBS) && hidden_lists("commits", NO_CODE));
}

#[test]
fn a_project_without_a_repository_has_empty_lists() {
    let sim = Sim::start(&Sizes {
        projects: 12,
        ..sizes(60)
    });
    for below in ["commits", "branches", "tags"] {
        let answer = sim.get(&format!("/api/v4/projects/acme%2Fplayground/repository/{below}"));
        assert_eq!(list(&answer), Vec::<Value>::new(), "{below}");
    }
}

#[test]
fn the_community_edition_lacks_lists() {
    let sim = Sim::start(&Sizes {
        enterprise: false,
        ..sizes(20)
    });
    for path in [
        "groups/acme/epics",
        "groups/acme/iterations",
        "projects/301/vulnerabilities",
    ] {
        let answer = sim.get(&format!("/api/v4/{path}"));
        assert_eq!(
            (answer.status, answer.json()),
            (404, json!({"error": "404 Not Found"})),
            "{path}"
        );
    }
    for table in ["epics", "iterations", "vulnerabilities"] {
        assert!(sim.rows(table).is_empty(), "{table}");
    }
    assert_eq!(list(&sim.get("/api/v4/groups/acme/boards")).len(), 1);
}

#[test]
fn values_of_variables_are_in_their_list_only() {
    let sim = Sim::start(&sizes(20));
    let variables = list(&sim.get("/api/v4/projects/301/variables"));
    assert!(!variables.is_empty());
    assert!(variables.iter().all(|variable| {
        let value = variable["value"].as_str();
        value.is_some_and(|value| value.starts_with(CANARY))
    }));
    let rows = sim.get("/_sim/rows/variables");
    assert!(rows.json().as_array().is_some_and(|rows| rows.len() > 10));
    assert!(!String::from_utf8_lossy(&rows.body).contains(CANARY));
}

#[test]
fn deployments_are_filtered_by_update() {
    let sim = Sim::start(&sizes(200));
    let path = format!("/api/v4/projects/{OPEN}/deployments?order_by=updated_at&sort=asc&per_page=100");
    let all = list(&sim.get(&path));
    let middle = all[all.len() / 2]["updated_at"].as_str().expect("a time");
    let later = list(&sim.get(&format!("{path}&updated_after={middle}")));
    assert!(all.len() > 5 && later.len() < all.len());
    assert_eq!(later, all[all.len() - later.len()..]);
}

#[test]
fn lists_of_groups_reach_up_and_down() {
    let sim = Sim::start(&sizes(20));
    let epics = list(&sim.get("/api/v4/groups/acme/epics?per_page=100"));
    assert_eq!(
        epics.len(),
        sim.rows("epics").len(),
        "those of the groups below are among them"
    );
    let own = list(&sim.get("/api/v4/groups/acme/epics?per_page=100&include_descendant_groups=false"));
    assert!(own.len() < epics.len());
    let below = list(&sim.get("/api/v4/groups/acme%2Fdata/iterations"));
    assert!(below.iter().all(|iteration| iteration["group_id"] == 51) && !below.is_empty());
}

#[test]
fn a_token_without_the_scope_is_told_so() {
    let sim = Sim::start(&sizes(20));
    sim.faults(&json!({"token": {"scopes": ["read_user"], "expires_at": "2999-01-31"}}));
    let answer = sim.get("/api/v4/projects");
    assert_eq!(
        (answer.status, &answer.json()["error"]),
        (403, &json!("insufficient_scope"))
    );
    let token = sim.get("/api/v4/personal_access_tokens/self").json();
    assert_eq!(
        (&token["scopes"], &token["expires_at"]),
        (&json!(["read_user"]), &json!("2999-01-31"))
    );
    assert_eq!(
        sim.try_query("{ currentUser { id } }", &json!({}))
            .expect("an answer")
            .status,
        401
    );

    sim.faults(&json!({"token": {"expires_at": "2020-01-31"}}));
    let answer = sim.get("/api/v4/personal_access_tokens/self");
    assert_eq!((answer.status, &answer.json()["error"]), (401, &json!("invalid_token")));
    let answer = sim.send("POST", "/_sim/faults", None, "{\"token\": {\"expires_at\": \"soon\"}}");
    assert_eq!(answer.expect("an answer").status, 400);

    let path = "/api/v4/projects";
    let answer = sim.send("GET", path, Some("wrong"), "").expect("an answer");
    assert_eq!(
        (answer.status, answer.json()),
        (401, json!({"message": "401 Unauthorized"}))
    );
}

#[test]
fn faults_and_statistics_know_lists_by_template() {
    let sim = Sim::start(&sizes(20));
    sim.faults(&json!({"rules": [{"fault": "status", "status": 500, "operation": "/projects/:id/jobs", "times": 2}]}));
    let status = |path: &str| sim.get(&format!("/api/v4/projects/{path}")).status;
    let seen = ["301/jobs", "302/jobs", "303/members", "301/jobs"].map(status);
    assert_eq!(seen, [500, 500, 200, 200]);
    let stats = sim.stats();
    assert_eq!(stats["operations"]["/projects/:id/jobs"], 3);
    assert_eq!(
        (&stats["requests"]["rest"], &stats["requests"]["refused"]),
        (&json!(4), &json!(2))
    );
}
