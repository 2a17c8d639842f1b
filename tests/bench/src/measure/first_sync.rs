//! The first sync of a GitLab: ours, the classic algorithm, and peers, on the same data with the same latency.

use std::process::Command;
use std::time::{Duration, Instant};

use local_stack::{Failed, Gitlab};
use serde_json::{Value, json};

use crate::lab::{GROUP, Lab, latency, requests, sync, written, written_to};
use crate::null_warehouse::NullWarehouse;
use crate::page::{Bar, Chart, Page, Table, number, seconds, thousands, times};
use crate::{peers, usage};

const OURS: &str = "gitlab-connector, warehouse that takes everything at once";
const OFF: &str = "groups,labels,milestones,mr_approvals,mr_reviewers,mr_assignees,mr_labels,mr_notes,pipelines,issues";
/// What the peers read, as far as the connector can be told to read no more.
const OURS_BARE: &str = "gitlab-connector, merge requests alone";
const OURS_EMULATOR: &str = "gitlab-connector, local warehouse";
const CLASSIC: &str = "classic: one REST request after another";

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

pub fn page(figures: &Value) -> Page {
    let mut page = Page {
        intro: format!(
            "{} projects with {} merge requests and all that belongs to them, from a simulated GitLab that waits before each \
             answer. Every program starts with nothing and reads everything. *Server's CPU* is the simulated GitLab's own, on \
             the same machine; peak memory is the program's.",
            figures["projects"],
            thousands(figures["merge_requests"].as_f64().unwrap_or_default())
        ),
        ..Page::default()
    };
    for latency in figures["latencies"].as_array().into_iter().flatten() {
        let entries = latency["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
        let milliseconds = latency["latency_ms"].as_u64().unwrap_or_default();
        page.tables.push(table(milliseconds, entries));
        page.charts.push(chart(milliseconds, entries));
        page.summary.extend(summary(milliseconds, entries));
        for entry in entries {
            if let Some(problem) = entry["missing"].as_str() {
                page.notes
                    .push(format!("{}: {problem}.", entry["name"].as_str().unwrap_or_default()));
            }
        }
        page.notes.extend(servers_share(milliseconds, entries));
    }
    page.notes.dedup();
    page.notes.push(
        "The classic algorithm lists merge requests, asks for changes, pipelines, approvals and notes of each, and then for each \
         user. It is measured on the merge requests that its line names; time, CPU and requests of the whole are that many \
         times more, and memory is the sample's."
            .into(),
    );
    page.notes.push(
        "The peers read bare merge requests into a file. *Merge requests alone* is the connector that is told to read no more: \
         all columns of merge requests, and the projects and users that they refer to. Else it reads 13 streams: merge requests with line counts, notes, \
         approvals, reviewers, assignees, labels; pipelines, issues, projects, groups, users, labels, milestones."
            .into(),
    );
    page.notes.push(
        "*Takes everything at once* is a stand-in of BigQuery within scripts/bench: it answers as BigQuery does, counts rows and \
         throws them away, so that the connector is compared with programs that load nothing. *Local warehouse* is the \
         emulator of the demo, which does BigQuery's work on this machine."
            .into(),
    );
    page
}

fn name_of(entry: &Value) -> String {
    let name = entry["name"].as_str().unwrap_or_default();
    match entry["measured_on"].as_f64() {
        Some(sample) => format!("{name} (extrapolated from {})", thousands(sample)),
        None => name.to_owned(),
    }
}

fn measured(entries: &[Value]) -> impl Iterator<Item = &Value> {
    entries.iter().filter(|entry| entry["missing"].is_null())
}

fn figure(entry: &Value, name: &str) -> f64 {
    entry[name].as_f64().unwrap_or_default()
}

fn table(milliseconds: u64, entries: &[Value]) -> Table {
    let ours = entries.first().map_or(0.0, |entry| figure(entry, "wall_s"));
    let rows = measured(entries).map(|entry| {
        let lacks = entry["lacks"].as_str().unwrap_or_default();
        vec![
            name_of(entry),
            thousands(figure(entry, "rows")),
            thousands(figure(entry, "requests")),
            seconds(figure(entry, "wall_s")),
            times(figure(entry, "wall_s"), ours),
            thousands(figure(entry, "rows") / figure(entry, "wall_s")),
            seconds(figure(entry, "cpu_s")),
            format!("{:.0} MB", figure(entry, "peak_mb")),
            seconds(figure(entry, "server_cpu_s")),
            if lacks.is_empty() {
                "—".into()
            } else {
                lacks.to_owned()
            },
        ]
    });
    Table {
        title: format!("{milliseconds} ms for each request"),
        columns: vec![
            "",
            "rows",
            "requests",
            "time",
            "times ours",
            "rows/s",
            "CPU",
            "peak memory",
            "server's CPU",
            "lacks",
        ],
        rows: rows.collect(),
    }
}

fn chart(milliseconds: u64, entries: &[Value]) -> Chart {
    Chart {
        file: format!("first-sync-{milliseconds}ms"),
        title: format!("First sync at {milliseconds} ms a request: time"),
        unit: "s",
        logarithmic: true,
        bars: measured(entries)
            .map(|entry| Bar {
                label: short_name(entry),
                value: figure(entry, "wall_s"),
                ours: entry["ours"] == true,
            })
            .collect(),
    }
}

fn short_name(entry: &Value) -> String {
    match entry["name"].as_str().unwrap_or_default() {
        OURS => "gitlab-connector".into(),
        OURS_BARE => "gitlab-connector, bare".into(),
        OURS_EMULATOR => "gitlab-connector, emulator included".into(),
        CLASSIC => "one REST request after another *".into(),
        peer => format!("{peer}, bare"),
    }
}

fn summary(milliseconds: u64, entries: &[Value]) -> Vec<[String; 3]> {
    let Some(ours) = entries.first() else { return Vec::new() };
    let what = format!(
        "first sync of {} merge requests, {milliseconds} ms a request",
        thousands(figure(ours, "merge_requests"))
    );
    let others: Vec<String> = measured(entries)
        .filter(|entry| entry["ours"] == false)
        .map(|entry| {
            let name = entry["name"].as_str().unwrap_or_default();
            let name = name.split([' ', ':']).next().unwrap_or_default();
            let wall = figure(entry, "wall_s");
            format!("{name} {} ({})", seconds(wall), times(wall, figure(ours, "wall_s")))
        })
        .collect();
    let bare = measured(entries).find(|entry| entry["name"] == OURS_BARE);
    let bare = bare.map(|bare| format!("; {} for merge requests alone", seconds(figure(bare, "wall_s"))));
    let mine = format!(
        "{}, {} rows, {} requests, {:.0} MB{}",
        seconds(figure(ours, "wall_s")),
        thousands(figure(ours, "rows")),
        thousands(figure(ours, "requests")),
        figure(ours, "peak_mb"),
        bare.unwrap_or_default()
    );
    vec![[what, mine, others.join("; ")]]
}

fn servers_share(milliseconds: u64, entries: &[Value]) -> Option<String> {
    let ours = entries.first()?;
    let (wall, server, own) = (
        figure(ours, "wall_s"),
        figure(ours, "server_cpu_s"),
        figure(ours, "cpu_s"),
    );
    Some(format!(
        "At {milliseconds} ms, the simulated GitLab computed for {} while the connector synced for {}: {} per cent of the CPU time \
         of both is the server's own.",
        seconds(server),
        seconds(wall),
        number(100.0 * server / (server + own).max(0.001)),
    ))
}
