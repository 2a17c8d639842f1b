//! The classic way to read merge requests: one REST request after another on one connection, for each merge request its
//! changes, pipelines, approvals and notes, and then each user once. It runs as a process of its own
//! (`bench classic ADDRESS GROUP COUNT`), so that its time and memory are its own.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use local_stack::{Failed, GITLAB_TOKEN};
use serde_json::{Value, json};

/// GitLab serves no larger page.
const PER_PAGE: usize = 100;

struct Client {
    agent: ureq::Agent,
    root: String,
    requests: u64,
}

/// Reads at most `most` merge requests of a group and prints what that took, as JSON.
///
/// # Errors
/// If GitLab refuses anything.
pub fn run(address: &str, group: &str, most: usize) -> Result<(), Failed> {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into();
    let mut client = Client {
        agent,
        root: format!("{address}/api/v4"),
        requests: 0,
    };
    let begun = Instant::now();
    let (mut users, mut rows, mut read) = (BTreeSet::new(), 0, 0);
    let projects = client.all(&format!("/groups/{group}/projects?include_subgroups=true"), usize::MAX)?;
    for project in &projects {
        let merge_requests = client.all(
            &format!("/projects/{}/merge_requests?scope=all", project["id"]),
            most - read,
        )?;
        for row in &merge_requests {
            let path = format!("/projects/{}/merge_requests/{}", project["id"], row["iid"]);
            rows += 1 + client.belongings(&path, &mut users)?;
            people(row, &mut users);
        }
        read += merge_requests.len();
        if read >= most {
            break;
        }
    }
    let (listing_s, listing_requests) = (begun.elapsed().as_secs_f64(), client.requests);
    for id in &users {
        client.get(&format!("/users/{id}"))?;
    }
    let all_s = begun.elapsed().as_secs_f64();
    let told = json!({
        "merge_requests": read, "rows": rows, "users": users.len(), "requests": listing_requests,
        "wall_s": listing_s, "users_wall_s": all_s - listing_s,
    });
    println!("{told}");
    Ok(())
}

impl Client {
    fn get(&mut self, path: &str) -> Result<(Value, bool), Failed> {
        self.requests += 1;
        let request = self.agent.get(format!("{}{path}", self.root));
        let mut response = request
            .header("private-token", GITLAB_TOKEN)
            .call()
            .map_err(|e| format!("{path}: {e}"))?;
        let next = response.headers().get("x-next-page");
        let more = next.is_some_and(|page| !page.is_empty());
        let body = response.body_mut().with_config().limit(1 << 30).read_json();
        Ok((body.map_err(|e| format!("{path}: {e}"))?, more))
    }

    /// A list page by page, `most` of it.
    fn all(&mut self, path: &str, most: usize) -> Result<Vec<Value>, Failed> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut rows = Vec::new();
        for page in 1.. {
            let (body, more) = self.get(&format!("{path}{joint}per_page={PER_PAGE}&page={page}"))?;
            rows.extend(body.as_array().cloned().unwrap_or_default());
            if !more || rows.len() >= most {
                break;
            }
        }
        rows.truncate(most);
        Ok(rows)
    }

    /// All that belongs to a merge request; how many rows that makes.
    fn belongings(&mut self, path: &str, users: &mut BTreeSet<u64>) -> Result<usize, Failed> {
        let (changes, _) = self.get(&format!("{path}/changes"))?;
        // What a client does with the diffs: it counts their lines.
        let lines: usize = changes["changes"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|file| {
                let diff = file["diff"].as_str().unwrap_or_default();
                diff.lines().filter(|line| line.starts_with(['+', '-'])).count()
            })
            .sum();
        std::hint::black_box(lines);
        let pipelines = self.all(&format!("{path}/pipelines"), usize::MAX)?;
        let (approvals, _) = self.get(&format!("{path}/approvals"))?;
        let approvals = approvals["approved_by"].as_array().cloned().unwrap_or_default();
        let notes = self.all(&format!("{path}/notes"), usize::MAX)?;
        for approval in &approvals {
            users.extend(approval["user"]["id"].as_u64());
        }
        for note in &notes {
            users.extend(note["author"]["id"].as_u64());
        }
        Ok(pipelines.len() + approvals.len() + notes.len())
    }
}

/// Everybody whom a merge request names.
fn people(row: &Value, users: &mut BTreeSet<u64>) {
    for role in ["author", "merged_by"] {
        users.extend(row[role]["id"].as_u64());
    }
    for role in ["assignees", "reviewers"] {
        users.extend(
            row[role]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|user| user["id"].as_u64()),
        );
    }
}
