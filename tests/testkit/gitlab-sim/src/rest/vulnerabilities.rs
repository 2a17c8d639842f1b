//! `/projects/:id/vulnerabilities` of the Enterprise Edition: a few in each project, none where nothing scans.

use serde_json::{Value, json};

use super::features::Feature;
use super::format::{time, time_or_null};
use super::page::Length;
use super::request::{Call, Reply};
use crate::data::Project;
use crate::instant::{DAY, Instant, print};
use crate::random::Random;

const TITLES: [&str; 5] = [
    "Regular Expression Denial of Service in debug",
    "Predictable pseudorandom number generator",
    "SQL injection in \"search\" \\ sorting",
    "Hard-coded password",
    "Path traversal in archive extraction",
];
const STATES: [&str; 5] = ["detected", "confirmed", "resolved", "dismissed", "detected"];
const SEVERITIES: [&str; 6] = ["info", "unknown", "low", "medium", "high", "critical"];
const REPORTS: [&str; 4] = ["sast", "dependency_scanning", "secret_detection", "container_scanning"];

struct Vulnerability {
    id: u64,
    title: &'static str,
    description: Option<&'static str>,
    state: &'static str,
    severity: &'static str,
    report_type: &'static str,
    created_at: Instant,
    /// When it was confirmed, resolved or dismissed.
    settled_at: Option<Instant>,
}

pub fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    call.enterprise_only()?;
    let project = call.project_with(Feature::Security)?;
    call.page(found(project).into_iter(), Length::Told, |found| {
        json!({
            "id": found.id, "title": found.title, "description": found.description, "state": found.state,
            "severity": found.severity, "confidence": "unknown", "report_type": found.report_type,
            "resolved_on_default_branch": false, "project_default_branch": project.default_branch,
            "project": {
                "id": project.id, "name": project.name, "description": project.description, "path": project.path,
                "name_with_namespace": project.name_with_namespace(), "path_with_namespace": project.full_path(),
                "created_at": time(project.created_at),
            },
            "author_id": call.world().token_user, "created_at": time(found.created_at),
            "updated_at": time(found.updated_at()), "confirmed_at": time_or_null(found.settled("confirmed")),
            "resolved_at": time_or_null(found.settled("resolved")),
            "dismissed_at": time_or_null(found.settled("dismissed")),
        })
    })
}

/// Rows of `vulnerabilities`.
pub fn rows(project: &Project) -> Vec<Value> {
    let row = |found: &Vulnerability| {
        json!({
            "id": found.id, "project_id": project.id, "title": found.title, "description": found.description,
            "state": found.state, "severity": found.severity, "report_type": found.report_type,
            "created_at": print(found.created_at), "updated_at": print(found.updated_at()),
            "confirmed_at": found.settled("confirmed").map(print), "resolved_at": found.settled("resolved").map(print),
            "dismissed_at": found.settled("dismissed").map(print),
        })
    };
    found(project).iter().map(row).collect()
}

fn found(project: &Project) -> Vec<Vulnerability> {
    if project.default_branch.is_none() {
        return Vec::new();
    }
    let random = &mut Random::of(project.id, 61, 0);
    (0..2 + random.below(6))
        .map(|index| {
            let state = *random.pick(&STATES);
            let created_at = project.created_at + random.below(4 * DAY as u64) as i64;
            Vulnerability {
                id: project.id * 100 + index,
                title: random.pick::<&str>(&TITLES),
                description: random
                    .chance(0.6)
                    .then_some("Untrusted input reaches it.\n\nSee the advisory."),
                state,
                severity: random.pick::<&str>(&SEVERITIES),
                report_type: random.pick::<&str>(&REPORTS),
                created_at,
                settled_at: (state != "detected").then(|| created_at + random.below(5 * DAY as u64) as i64),
            }
        })
        .collect()
}

impl Vulnerability {
    fn updated_at(&self) -> Instant {
        self.settled_at.unwrap_or(self.created_at)
    }

    /// When it came into a state, if it is in that one.
    fn settled(&self, state: &str) -> Option<Instant> {
        self.settled_at.filter(|_| self.state == state)
    }
}
