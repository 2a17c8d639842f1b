//! A run as the JSON that a caller gets.

use axum::http::StatusCode;
use mergemind_shared::ApiError;
use serde_json::{Value, json};

use super::node::Node;
use super::result::{BuildSet, Outcome, RunResult};
use super::run::rfc3339;

/// How many failed nodes the message names; the details have all.
const NAMED: usize = 5;

impl RunResult {
    /// The answer to a caller that called itself `source`.
    ///
    /// # Errors
    /// 500 `dbt_failed`, 504 `dbt_timeout`, 503 `stopping`, 503 `lease_lost` or 409 `cancelled`; each with the same object that a
    /// success gives as its `details`, as far as dbt came.
    pub fn answer(&self, source: &str, fail_on_test_failure: bool) -> Result<Value, ApiError> {
        let failed = |message: String| {
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "dbt_failed", message)
                .with_details(self.body("error", source))
        };
        match &self.outcome {
            Outcome::Success => Ok(self.body("success", source)),
            Outcome::Warning if fail_on_test_failure && self.results.has_failed_tests() => {
                Err(failed(self.name_causes("tests failed"))
                    .with_hint("all models were built; FAIL_ON_TEST_FAILURE=true makes failed tests an error"))
            }
            Outcome::Warning => Ok(self.body("warning", source)),
            Outcome::NodesFailed => {
                Err(failed(self.name_causes("dbt failed")).with_hint("details.nodes has every node with dbt's message"))
            }
            Outcome::CouldNotRun(why) => Err(failed(format!("dbt could not run: {why}"))
                .with_hint("the function's log has more, under this request's trace")),
            Outcome::TimedOut(limit) => {
                let message = format!("dbt was ended because it took longer than {} s", limit.as_secs_f64());
                Err(ApiError::new(StatusCode::GATEWAY_TIMEOUT, "dbt_timeout", message)
                    .with_hint("raise DBT_TIMEOUT_SECONDS, or make the models smaller")
                    .with_details(self.body("error", source)))
            }
            Outcome::Stopped => Err(stopping().with_details(self.body("error", source))),
            Outcome::Cancelled => Err(
                ApiError::new(StatusCode::CONFLICT, "cancelled", "the run was cancelled")
                    .with_details(self.body("error", source)),
            ),
            Outcome::LeaseLost => Err(ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "lease_lost",
                "dbt was ended because this instance lost the lease for it: another instance has taken it",
            )
            .with_hint("call again; this instance was stopped or without BigQuery for longer than RUN_LEASE_SECONDS")
            .with_details(self.body("error", source))),
        }
    }

    /// What went wrong, if something did.
    pub fn problem(&self) -> Option<String> {
        match self.answer("", true) {
            Ok(_) => None,
            Err(error) => Some(error.message().to_owned()),
        }
    }

    /// The run as it is shown to whoever asks for it later.
    pub fn body(&self, status: &str, source: &str) -> Value {
        let mut body = json!({
            "status": status,
            "run_id": self.run_id,
            "action": self.action.name(),
            "started_at": rfc3339(self.started_at),
            "source": source,
            "dbt_version": self.dbt_version,
            "elapsed_s": (self.elapsed.as_secs_f64() * 1_000.0).round() / 1_000.0,
            "counts": self.results.counts,
            "nodes": self.results.nodes,
        });
        if let Some(version) = &self.project_version {
            body["project_version"] = json!(version);
        }
        if let BuildSet::Changed(tables) = &self.built {
            body["changed_tables"] = json!(tables);
        }
        if !self.selection.is_everything() {
            let selection = &self.selection;
            body["selection"] = json!({"select": selection.select, "exclude": selection.exclude,
                "full_refresh": selection.full_refresh, "target": selection.target, "vars": selection.vars});
        }
        body
    }

    fn name_causes(&self, what: &str) -> String {
        let causes: Vec<&Node> = self.results.causes().collect();
        let mut message = what.to_owned();
        for (i, node) in causes.iter().take(NAMED).enumerate() {
            let told = node.message.as_deref().unwrap_or(&node.status);
            let separator = if i == 0 { ": " } else { "; " };
            message += &format!("{separator}{} {}: {told}", node.kind, node.name);
        }
        if causes.len() > NAMED {
            message += &format!("; and {} more", causes.len() - NAMED);
        }
        match self.results.counts.skipped {
            0 => message,
            1 => message + " (1 node was skipped because of that)",
            n => message + &format!(" ({n} nodes were skipped because of that)"),
        }
    }
}

/// 503: the function was told to stop before or during the run.
pub fn stopping() -> ApiError {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "stopping",
        "the function is stopping, and dbt was ended with it",
    )
    .with_hint("call again; another instance will answer")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::dbt_files::tests::results;
    use time::OffsetDateTime;

    use super::*;
    use crate::request::{Action, Selection};

    fn run(outcome: Outcome, statuses: &[(&str, &str)]) -> RunResult {
        RunResult {
            run_id: "r1".into(),
            elapsed: Duration::from_millis(3_200),
            dbt_version: Some("1.11.16".into()),
            results: results(statuses),
            outcome,
            action: Action::Build,
            selection: Selection::default(),
            built: BuildSet::All,
            started_at: OffsetDateTime::UNIX_EPOCH,
            project_version: None,
        }
    }

    #[test]
    fn success_is_the_contracts_object() {
        let answer = run(Outcome::Success, &[("model.p.a", "success")])
            .answer("me", false)
            .expect("success");
        assert_eq!(
            answer,
            json!({"status": "success", "run_id": "r1", "action": "run_dbt", "source": "me", "started_at": "1970-01-01T00:00:00Z", "dbt_version": "1.11.16", "elapsed_s": 3.2,
                "counts": {"total": 1, "success": 1, "pass": 0, "warn": 0, "fail": 0, "error": 0, "skipped": 0},
                "nodes": [{"node": "model.p.a", "name": "a", "type": "model", "status": "success", "elapsed_s": 0.25, "rows": 7, "message": "success it is"}]})
        );
    }

    #[test]
    fn failing_nodes_are_named_and_skipped_ones_counted() {
        let error = run(
            Outcome::NodesFailed,
            &[("model.p.a", "error"), ("model.p.b", "skipped"), ("test.p.t", "fail")],
        )
        .answer("me", false)
        .expect_err("failed");
        assert_eq!((error.status().as_u16(), error.code()), (500, "dbt_failed"));
        assert_eq!(
            error.message(),
            "dbt failed: model a: error it is; test t: fail it is (1 node was skipped because of that)"
        );
    }

    #[test]
    fn many_failures_are_cut_short() {
        let all: Vec<_> = (0..9).map(|i| (format!("model.p.m{i}"), "error")).collect();
        let all: Vec<_> = all.iter().map(|(id, status)| (id.as_str(), *status)).collect();
        let error = run(Outcome::NodesFailed, &all).answer("me", false).expect_err("failed");
        assert!(
            error.message().ends_with("model m4: error it is; and 4 more"),
            "{}",
            error.message()
        );
    }

    #[test]
    fn failed_tests_fail_the_call_only_if_asked() {
        let failed = run(Outcome::Warning, &[("test.p.t", "fail")]);
        assert_eq!(failed.answer("me", false).expect("a warning")["status"], "warning");
        assert_eq!(failed.answer("me", true).expect_err("an error").code(), "dbt_failed");
        let warned = run(Outcome::Warning, &[("test.p.t", "warn")]);
        assert_eq!(warned.answer("me", true).expect("a warning")["status"], "warning");
    }

    #[test]
    fn the_other_ends_have_their_codes() {
        for (outcome, status, code) in [
            (Outcome::CouldNotRun("no".into()), 500, "dbt_failed"),
            (Outcome::TimedOut(Duration::from_secs(300)), 504, "dbt_timeout"),
            (Outcome::Stopped, 503, "stopping"),
            (Outcome::Cancelled, 409, "cancelled"),
            (Outcome::LeaseLost, 503, "lease_lost"),
        ] {
            let error = run(outcome, &[]).answer("me", false).expect_err("an error");
            assert_eq!((error.status().as_u16(), error.code()), (status, code));
        }
    }
}
