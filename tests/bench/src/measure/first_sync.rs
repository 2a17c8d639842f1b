//! The first sync of a GitLab: ours, the classic algorithm, and peers, on the same data with the same latency.

use std::process::Command;
use std::time::{Duration, Instant};

use local_stack::{Failed, Gitlab};
use serde_json::{Value, json};

use crate::lab::{GROUP, Lab, latency, requests, sync, written, written_to};
use crate::null_warehouse::NullWarehouse;
use crate::{peers, usage};

pub const OURS: &str = "gitlab-connector, warehouse that takes everything at once";
const OFF: &str = "groups,labels,milestones,mr_approvals,mr_reviewers,mr_assignees,mr_labels,mr_notes,pipelines,issues";
/// What the peers read, as far as the connector can be told to read no more.
pub const OURS_BARE: &str = "gitlab-connector, merge requests alone";
pub const OURS_EMULATOR: &str = "gitlab-connector, local warehouse";
pub const CLASSIC: &str = "classic: one REST request after another";

pub fn run(lab: &Lab) -> Result<Value, Failed> {
    let (projects, merge_requests) = lab.pick((20, 10_000), (5, 60));
    let gitlab = lab.gitlab(projects, merge_requests)?;
    let truth = gitlab.rows("merge_requests")?.len() as u64;
    let users = gitlab.rows("users")?.len();
    let mut latencies = Vec::new();
    for milliseconds in lab.pick(vec![40, 0], vec![40]) {
        latency(&gitlab, milliseconds)?;
        let stage = Stage {
            lab,
            gitlab: &gitlab,
            truth,
            users,
        };
        let mut entries = vec![stage.ours(OURS, &[])?, stage.ours(OURS_BARE, &[("STREAMS_OFF", OFF)])?];
        // In the short form the measurement of the warehouse does that.
        if !lab.short {
            entries.push(stage.ours_into_emulator(milliseconds)?);
        }
        entries.push(stage.classic(milliseconds)?);
        // Peers are installed by the long form alone.
        for peer in if lab.short { &[] } else { peers::ALL } {
            entries.push(stage.peer(peer)?);
        }
        latencies.push(json!({"latency_ms": milliseconds, "entries": entries}));
    }
    Ok(json!({"projects": projects, "merge_requests": truth, "latencies": latencies}))
}

struct Stage<'a> {
    lab: &'a Lab,
    gitlab: &'a Gitlab,
    /// Merge requests that there are to read.
    truth: u64,
    /// Users that there are.
    users: usize,
}

/// What is read before and after.
struct Before {
    server_cpu_s: f64,
    begun: Instant,
}

impl Stage<'_> {
    fn before(&self) -> Result<Before, Failed> {
        self.gitlab.stats_reset()?;
        Ok(Before {
            server_cpu_s: usage::cpu_seconds(self.gitlab.process.id())?,
            begun: Instant::now(),
        })
    }

    /// Requests, seconds, and seconds of CPU that the simulated GitLab took.
    fn after(&self, before: &Before) -> Result<(u64, f64, f64), Failed> {
        let wall = before.begun.elapsed().as_secs_f64();
        let cpu = usage::cpu_seconds(self.gitlab.process.id())? - before.server_cpu_s;
        Ok((requests(self.gitlab)?, wall, cpu))
    }

    fn ours(&self, name: &str, more: &[(&str, &str)]) -> Result<Value, Failed> {
        let warehouse = NullWarehouse::start()?;
        let own = usage::own_cpu_seconds()?;
        let mut entry = self.connector(name, (&warehouse.url, &warehouse.url), more)?;
        entry["warehouse_cpu_s"] = json!(usage::own_cpu_seconds()? - own);
        if entry["rows"] != warehouse.rows() {
            return Err(format!(
                "{} rows were written, {} came",
                entry["rows"],
                warehouse.rows()
            ));
        }
        Ok(entry)
    }

    fn ours_into_emulator(&self, milliseconds: u64) -> Result<Value, Failed> {
        let warehouse = self.lab.warehouse(&format!("first-sync-{milliseconds}"))?;
        let own = usage::cpu_seconds(warehouse.process.id())?;
        let mut entry = self.connector(OURS_EMULATOR, (&warehouse.rest, &warehouse.storage), &[])?;
        entry["warehouse_cpu_s"] = json!(usage::cpu_seconds(warehouse.process.id())? - own);
        Ok(entry)
    }

    fn connector(&self, name: &str, warehouse: (&str, &str), more: &[(&str, &str)]) -> Result<Value, Failed> {
        let connector = self.lab.connector(self.gitlab, warehouse, more)?;
        let pid = connector.process.id();
        let before = self.before()?;
        let cpu = usage::cpu_seconds(pid)?;
        let answer = sync(&connector)?;
        let (requests, wall_s, server_cpu_s) = self.after(&before)?;
        // A warehouse that compares nothing counts a row twice that was read twice.
        let merge_requests = written_to(&answer, "merge_requests");
        self.complete(
            name,
            if name != OURS_EMULATOR {
                merge_requests.min(self.truth)
            } else {
                merge_requests
            },
        )?;
        Ok(json!({
            "name": name, "ours": true, "lacks": if name == OURS_BARE { "pipelines, notes; approvals are columns" } else { "" }, "merge_requests": merge_requests, "rows": written(&answer),
            "requests": requests, "wall_s": wall_s, "cpu_s": usage::cpu_seconds(pid)? - cpu,
            "peak_mb": usage::peak_mb(pid)?, "server_cpu_s": server_cpu_s,
        }))
    }

    fn classic(&self, milliseconds: u64) -> Result<Value, Failed> {
        let most = self.lab.pick(if milliseconds == 0 { 1_000 } else { 250 }, 20);
        let output = self.lab.path("classic.out");
        let mut command = Command::new(std::env::current_exe().map_err(|e| e.to_string())?);
        command.args(["classic", &self.gitlab.url, GROUP, &most.to_string()]);
        let before = self.before()?;
        let ran = usage::run(command, &output, &self.lab.log("classic"), Duration::from_secs(600))?;
        let (_, _, server_cpu_s) = self.after(&before)?;
        let text = std::fs::read_to_string(&output).unwrap_or_default();
        let told: Value = serde_json::from_str(&text)
            .map_err(|_| format!("the classic algorithm fails; see {:?}", self.lab.log("classic")))?;
        let figure = |name: &str| told[name].as_f64().unwrap_or_default();
        let read = figure("merge_requests");
        if read < most as f64 {
            return Err(format!("the classic algorithm read {read} of {most} merge requests"));
        }
        // Each merge request costs the same however many there are; each user is asked for once.
        let factor = self.truth as f64 / read;
        let user_factor = self.users as f64 / figure("users").max(1.0);
        let wall_s = figure("wall_s") * factor + figure("users_wall_s") * user_factor;
        Ok(json!({
            "name": CLASSIC, "ours": false, "lacks": "labels, milestones, issues, groups and projects",
            "measured_on": read, "merge_requests": self.truth, "rows": figure("rows") * factor + self.users as f64,
            "requests": (figure("requests") * factor + self.users as f64).round(), "wall_s": wall_s,
            "cpu_s": ran.cpu_s * wall_s / ran.wall_s, "peak_mb": ran.peak_mb,
            "server_cpu_s": server_cpu_s * wall_s / ran.wall_s,
        }))
    }

    /// A peer that is not there is told, and stops nobody.
    fn peer(&self, peer: &peers::Peer) -> Result<Value, Failed> {
        let before = self.before()?;
        let (ran, rows) = match peer.read(self.lab, &self.gitlab.url) {
            Ok(read) => read,
            Err(problem) => {
                eprintln!("  {}: {problem}", peer.name);
                return Ok(json!({"name": peer.name, "ours": false, "lacks": peer.lacks, "missing": problem}));
            }
        };
        let (requests, _, server_cpu_s) = self.after(&before)?;
        self.complete(peer.name, rows)?;
        Ok(json!({
            "name": peer.name, "ours": false, "lacks": peer.lacks, "merge_requests": rows, "rows": rows,
            "requests": requests, "wall_s": ran.wall_s, "cpu_s": ran.cpu_s, "peak_mb": ran.peak_mb,
            "server_cpu_s": server_cpu_s,
        }))
    }

    fn complete(&self, name: &str, merge_requests: u64) -> Result<(), Failed> {
        if merge_requests == self.truth {
            return Ok(());
        }
        Err(format!("{name} read {merge_requests} of {} merge requests", self.truth))
    }
}
