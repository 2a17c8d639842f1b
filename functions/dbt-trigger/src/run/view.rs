//! A run as JSON: one type for answers, the list, `run.json`, the history and the pages.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::node::{Counts, Node};
use super::result::{BuildSet, RunResult};
use super::run::{CalledBy, Run};
use crate::request::NodeSelection;

/// What is known about a run. Which fields are there depends on who tells about it and how far it came; a field
/// that is `null` was known to be empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunView {
    pub run_id: String,
    /// `queued`, `running`, `success`, `warning`, `error`, `cancelled`, `stopped`, or `lost` in the history.
    pub status: String,
    /// As callers name it.
    pub action: String,
    /// Who asked, in its own words.
    pub source: String,
    /// Where more is told about it: a path of this function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How many callers share it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callers: Option<u64>,
    /// The first of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub called_by: Option<Vec<CalledBy>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued_at: Option<String>,
    /// `null` while it waits.
    pub started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub elapsed_s: Option<Option<f64>>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub problem: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub dbt_version: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<CountsView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Vec<Node>>,
    /// The project's commit or archive, if it was fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project_version: Option<String>,
    /// The raw tables downstream of which all was built, if only that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_tables: Option<Vec<String>>,
    /// What the caller selected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selection: Option<SelectionView>,
    /// The same as dbt's arguments, from the history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selectors: Option<Vec<String>>,
    /// The process that ran it, from the history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The files that are kept of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<Vec<String>>,
}

/// How many nodes came to which end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CountsView {
    /// Of a run whose nodes are known.
    All(Counts),
    /// What the history's list has; `null` before the run's end.
    Short { total: Option<u64>, error: Option<u64> },
}

/// A validated [`NodeSelection`], to be shown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SelectionView {
    pub exclude: Vec<String>,
    pub full_refresh: bool,
    pub select: Vec<String>,
    pub target: Option<String>,
    pub vars: Map<String, Value>,
}

/// A field that is there, if only as `null`.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl RunView {
    /// What a list tells about `run`, and an answer that does not wait for it.
    pub fn brief(run: &Run) -> Self {
        let (callers, count) = run.callers();
        let result = run.result();
        Self {
            run_id: run.run_id.clone(),
            status: run.state().into(),
            action: run.action.name().into(),
            source: callers.first().map(|by| by.source.clone()).unwrap_or_default(),
            url: Some(url_of(&run.run_id)),
            callers: Some(count as u64),
            queued_at: Some(rfc3339(run.queued_at)),
            started_at: run.started_at().map(rfc3339),
            elapsed_s: result.as_ref().map(|result| Some(result.elapsed_s())),
            problem: result.as_ref().map(|result| result.problem()),
            counts: result.map(|result| CountsView::All(result.results.counts)),
            ..Self::default()
        }
    }

    /// All that is known about `run`.
    pub fn whole(run: &Run) -> Self {
        let brief = Self::brief(run);
        let called_by = Some(run.callers().0);
        match run.result() {
            Some(result) => Self {
                url: brief.url,
                callers: brief.callers,
                queued_at: brief.queued_at,
                problem: brief.problem,
                called_by,
                ..Self::answer(&result, result.status(), &brief.source)
            },
            None => Self { called_by, ..brief },
        }
    }

    /// What a caller that called itself `source` gets of a run that has ended.
    pub fn answer(result: &RunResult, status: &str, source: &str) -> Self {
        let selection = &result.selection;
        Self {
            run_id: result.run_id.clone(),
            status: status.into(),
            action: result.action.name().into(),
            source: source.into(),
            started_at: Some(rfc3339(result.started_at)),
            elapsed_s: Some(Some(result.elapsed_s())),
            dbt_version: Some(result.dbt_version.clone()),
            counts: Some(CountsView::All(result.results.counts)),
            nodes: Some(result.results.nodes.clone()),
            project_version: result.project_version.clone(),
            changed_tables: match &result.built {
                BuildSet::Changed(tables) | BuildSet::Live { tables, .. } => Some(tables.iter().cloned().collect()),
                _ => None,
            },
            selection: (!selection.is_everything()).then(|| selection.into()),
            ..Self::default()
        }
    }
}

impl From<&NodeSelection> for SelectionView {
    fn from(selection: &NodeSelection) -> Self {
        Self {
            exclude: selection.exclude.clone(),
            full_refresh: selection.full_refresh,
            select: selection.select.clone(),
            target: selection.target.clone(),
            vars: selection.vars.clone(),
        }
    }
}

impl CountsView {
    /// All nodes, if that is known.
    pub fn total(&self) -> Option<u64> {
        match self {
            Self::All(counts) => Some(counts.total as u64),
            Self::Short { total, .. } => *total,
        }
    }

    /// Each kind of end that there is, with its name.
    pub fn by_status(&self) -> Vec<(&'static str, u64)> {
        let all = match self {
            Self::All(counts) => vec![
                ("error", counts.error),
                ("fail", counts.fail),
                ("pass", counts.pass),
                ("skipped", counts.skipped),
                ("success", counts.success),
                ("warn", counts.warn),
            ],
            Self::Short { error, .. } => vec![("error", error.unwrap_or_default() as usize)],
        };
        let named = all.into_iter().filter(|(_, count)| *count > 0);
        named.map(|(name, count)| (name, count as u64)).collect()
    }
}

/// Where this function tells about a run.
pub fn url_of(run_id: &str) -> String {
    format!("/runs/{run_id}")
}

/// `2026-05-22T00:06:08.638Z`.
pub fn rfc3339(at: OffsetDateTime) -> String {
    let millis = at
        .replace_nanosecond(at.nanosecond() / 1_000_000 * 1_000_000)
        .unwrap_or(at);
    millis.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_written_down_is_read_back() {
        for text in [
            json!({"run_id": "r1", "status": "success", "action": "test", "source": "me", "started_at": null}),
            json!({"run_id": "r1", "status": "running", "action": "test", "source": "me", "started_at": null,
                "elapsed_s": null, "problem": null, "dbt_version": null, "counts": {"total": null, "error": null}}),
            json!({"run_id": "r1", "status": "error", "action": "test", "source": "me", "started_at": "2026-01-01T00:00:00Z", "elapsed_s": 1.5,
                "counts": {"total": 1, "success": 0, "pass": 0, "warn": 0, "fail": 0, "error": 1, "skipped": 0},
                "nodes": [{"node": "model.p.a", "name": "a", "type": "model", "status": "error", "elapsed_s": 0.25, "rows": null, "message": null, "after": ["b"]}],
                "selection": {"select": ["a"], "exclude": [], "full_refresh": false, "target": null, "vars": {"days": 3}}}),
        ] {
            let view: RunView = serde_json::from_value(text.clone()).expect("a run");
            assert_eq!(json!(view), text);
        }
    }
}
