//! What a sync did, for its caller.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::gitlab::Instance;
use crate::streams::{Stream, Streams, merge_requests};
use crate::sync::error::{Error, OTHER_GITLAB};
use crate::sync::verified::Verified;

/// Rows read and written, by table.
#[derive(Debug, Default)]
pub struct Counters(BTreeMap<&'static str, (u64, u64)>);

impl Counters {
    /// Counts a commit.
    pub fn add(&mut self, table: &'static str, read: u64, written: u64) {
        let (reads, writes) = self.0.entry(table).or_default();
        *reads += read;
        *writes += written;
    }

    /// Rows read so far, of all tables.
    pub fn read(&self) -> u64 {
        self.0.values().map(|(read, _)| read).sum()
    }

    /// Rows of a table that were inserted, changed, or marked as deleted.
    pub fn written_to(&self, table: &str) -> u64 {
        self.of(table).1
    }

    /// The same of all tables.
    pub fn written(&self) -> u64 {
        self.0.values().map(|(_, written)| written).sum()
    }

    fn of(&self, table: &str) -> (u64, u64) {
        self.0.get(table).copied().unwrap_or_default()
    }
}

/// A cursor's step in this sync.
#[derive(Debug, Clone, Serialize)]
pub struct CursorStep {
    /// The scope, such as `group:acme`.
    pub scope: String,
    /// Complete up to here before; null before the first sync has ended.
    #[serde(with = "time::serde::rfc3339::option")]
    pub from: Option<OffsetDateTime>,
    /// Complete up to here now.
    #[serde(with = "time::serde::rfc3339::option")]
    pub to: Option<OffsetDateTime>,
}

/// Something that went wrong in one scope and did not stop the others.
#[derive(Debug, Clone, Serialize)]
pub struct ScopeProblem {
    code: &'static str,
    scope: String,
    what: String,
    message: String,
    hint: &'static str,
}

impl ScopeProblem {
    /// From an error that stopped only `what` in `scope`.
    pub fn new(scope: &dyn fmt::Display, what: &str, error: &Error) -> Self {
        let (code, hint) = match error {
            Error::GitLab(error) => (error.code(), error.hint()),
            Error::OtherGitLab { .. } => ("other_gitlab", OTHER_GITLAB),
            Error::TooLate => ("gitlab_unavailable", "the next sync goes on where this one stopped"),
            Error::Warehouse(_) => ("warehouse", "the next sync goes on where this one stopped"),
        };
        Self {
            code,
            scope: scope.to_string(),
            what: what.to_owned(),
            message: error.to_string(),
            hint,
        }
    }

    /// Of a value that was too large.
    pub fn cut(scope: &dyn fmt::Display, table: &str, message: String) -> Self {
        Self {
            code: "value_cut",
            scope: scope.to_string(),
            what: table.to_owned(),
            message,
            hint: "the rest of the row is there; what is left out stands at the end of the text, and in _rejected",
        }
    }

    /// Of deletions that are not done yet.
    pub fn held(scope: &dyn fmt::Display, stream: &str, message: String) -> Self {
        Self {
            code: "deletions_held",
            scope: scope.to_string(),
            what: stream.to_owned(),
            message,
            hint: "if access was lost, give it back; if they were deleted, the next look marks them, or at once {\"reconcile\": true, \"confirm_deletions\": true}",
        }
    }
}

/// Result of a sync.
#[derive(Debug)]
pub struct Summary {
    pub sync_id: String,
    pub started_at: OffsetDateTime,
    pub elapsed_s: f64,
    pub base_url: String,
    pub instance: Instance,
    pub complete: bool,
    /// The pending dbt flag, if set.
    pub dbt_due: Option<String>,
    /// Whether dbt had not run after an earlier sync, which moved nobody knows what.
    pub dbt_due_before: bool,
    /// Projects that were met.
    pub project_count: usize,
    pub counters: Counters,
    /// Which merge requests were written, for dbt-trigger; null if they are too many.
    pub changed_rows: Value,
    pub requests: BTreeMap<&'static str, u64>,
    /// By stream.
    pub cursors: BTreeMap<&'static str, Vec<CursorStep>>,
    pub warnings: Vec<ScopeProblem>,
    /// Fields that this GitLab lacks, as `stream.field`; their columns are NULL.
    pub missing_fields: Vec<String>,
    /// A warning if the token ends soon.
    pub token_ends: Option<String>,
    /// Lists that are not offered, by stream.
    pub absent: BTreeMap<&'static str, u64>,
    /// Discovered projects that `MAX_PROJECTS_TO_SYNC` leaves out.
    pub left_out: usize,
    /// What a comparison has found, if this was one.
    pub verified: Option<Verified>,
}

impl Summary {
    /// Tables with rows that were inserted, changed, or marked as deleted since dbt last ran; `None` if an
    /// earlier sync has to be made up for.
    pub fn changed_tables(&self, streams: &Streams) -> Option<Vec<&'static str>> {
        (!self.dbt_due_before).then(|| self.written_tables(streams))
    }

    /// Tables to which this sync wrote.
    pub fn written_tables(&self, streams: &Streams) -> Vec<&'static str> {
        let names = streams.all().map(Stream::name);
        names.filter(|name| self.counters.written_to(name) > 0).collect()
    }

    /// Rows of all tables that were inserted, changed, or marked as deleted.
    pub fn written(&self) -> u64 {
        self.counters.written()
    }

    /// How many seconds the merge requests were behind GitLab when the sync ended, in the scope that is farthest
    /// behind; `None` while a scope has not been read to its end once.
    pub fn lag_s(&self) -> Option<f64> {
        let steps = self.cursors.get(merge_requests::NAME)?.iter().map(|step| step.to);
        let oldest = steps.collect::<Option<Vec<_>>>()?.into_iter().min()?;
        let ended = self.started_at + time::Duration::seconds_f64(self.elapsed_s);
        Some((ended - oldest).as_seconds_f64().max(0.0))
    }

    /// The answer's JSON, without what dbt said.
    pub fn to_json(&self, streams: &Streams) -> Value {
        let per_stream: Vec<Value> = streams
            .all()
            .filter(|stream| stream.usual || self.counters.of(stream.name()).0 > 0)
            .map(|stream| {
                let (rows, written) = self.counters.of(stream.name());
                let requests = self.requests.get(stream.name()).copied().unwrap_or_default();
                let mut entry =
                    json!({"stream": stream.name(), "rows": rows, "written": written, "requests": requests});
                if let Some(cursors) = self.cursors.get(stream.name()) {
                    entry["cursors"] = json!(cursors);
                }
                entry
            })
            .collect();
        let whole = self.complete && self.warnings.is_empty();
        let mut answer = json!({
            "status": if whole { "success" } else { "partial" },
            "complete": self.complete,
            "sync_id": self.sync_id,
            "started_at": self.started_at.replace_nanosecond(0).unwrap_or(self.started_at).format(&time::format_description::well_known::Rfc3339).unwrap_or_default(),
            "elapsed_s": (self.elapsed_s * 1000.0).round() / 1000.0,
            "gitlab": {
                "base_url": self.base_url,
                "version": self.instance.version,
                "enterprise": self.instance.enterprise,
                "requests": self.requests.values().sum::<u64>(),
            },
            "streams": per_stream,
            "rejected": self.counters.of(streams.rejected.name).0,
            "warnings": self.warnings,
            "missing_fields": self.missing_fields,
            "token_warning": self.token_ends,
            "absent_lists": self.absent,
            "projects_left_out": self.left_out,
        });
        if let Some(verified) = &self.verified {
            answer["verify"] = told(verified);
        }
        answer
    }
}

/// How many addresses of each kind an answer holds.
const SHOWN: usize = 200;

/// What a comparison has found, for its caller.
fn told(verified: &Verified) -> Value {
    let Verified {
        missing,
        changed,
        gone,
        hidden,
    } = verified;
    let equal = [missing, changed, gone, hidden].iter().all(|list| list.is_empty());
    let list = |all: &Vec<String>| json!({"count": all.len(), "first": &all[..all.len().min(SHOWN)]});
    json!({
        "equal": equal,
        "missing": list(missing),
        "changed": list(changed),
        "gone": list(gone),
        "hidden_projects": list(hidden),
    })
}
