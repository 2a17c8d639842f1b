//! A run that has ended as the answer to a caller that waited for it.

use mergemind_shared::ApiError;
use serde_json::json;

use crate::run::{RunResult, RunView};

/// The answer to a caller that called itself `source`.
///
/// # Errors
/// As [`RunError`](crate::run::RunError) becomes an [`ApiError`]; with the same object that a success gives as its `details`, as far as
/// dbt came.
pub fn answer(result: &RunResult, source: &str, fail_on_test_failure: bool) -> Result<RunView, ApiError> {
    match result.error(fail_on_test_failure) {
        None => Ok(RunView::answer(result, result.status(), source)),
        Some(error) => {
            let details = json!(RunView::answer(result, "error", source));
            Err(ApiError::from(error).with_details(details))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;
    use time::OffsetDateTime;

    use super::*;
    use crate::request::{Action, NodeSelection};
    use crate::run::{BuildSet, Outcome, results_of};

    fn answered(result: &RunResult, fail_on_test_failure: bool) -> Result<Value, ApiError> {
        answer(result, "me", fail_on_test_failure).map(|view| json!(view))
    }

    fn run(outcome: Outcome, statuses: &[(&str, &str)]) -> RunResult {
        RunResult {
            run_id: "r1".into(),
            elapsed: Duration::from_millis(3_200),
            dbt_version: Some("1.12.6".into()),
            results: results_of(statuses),
            outcome,
            action: Action::Build,
            selection: NodeSelection::default(),
            built: BuildSet::All,
            started_at: OffsetDateTime::UNIX_EPOCH,
            project_version: None,
        }
    }

    #[test]
    fn success_is_the_contracts_object() {
        let answer = answered(&run(Outcome::Success, &[("model.p.a", "success")]), false).expect("success");
        assert_eq!(
            answer,
            json!({"status": "success", "run_id": "r1", "action": "run_dbt", "source": "me", "started_at": "1970-01-01T00:00:00Z", "dbt_version": "1.12.6", "elapsed_s": 3.2,
                "counts": {"total": 1, "success": 1, "pass": 0, "warn": 0, "fail": 0, "error": 0, "skipped": 0},
                "nodes": [{"node": "model.p.a", "name": "a", "type": "model", "status": "success", "elapsed_s": 0.25, "rows": 7, "message": "success it is"}]})
        );
    }

    #[test]
    fn failing_nodes_are_named_and_skipped_ones_counted() {
        let failed = run(
            Outcome::NodesFailed,
            &[("model.p.a", "error"), ("model.p.b", "skipped"), ("test.p.t", "fail")],
        );
        let error = answered(&failed, false).expect_err("failed");
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
        let error = answered(&run(Outcome::NodesFailed, &all), false).expect_err("failed");
        assert!(
            error.message().ends_with("model m4: error it is; and 4 more"),
            "{}",
            error.message()
        );
    }

    #[test]
    fn failed_tests_fail_the_call_only_if_asked() {
        let failed = run(Outcome::Warning, &[("test.p.t", "fail")]);
        assert_eq!(answered(&failed, false).expect("a warning")["status"], "warning");
        assert_eq!(answered(&failed, true).expect_err("an error").code(), "dbt_failed");
        let warned = run(Outcome::Warning, &[("test.p.t", "warn")]);
        assert_eq!(answered(&warned, true).expect("a warning")["status"], "warning");
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
            let error = answered(&run(outcome, &[]), false).expect_err("an error");
            assert_eq!((error.status().as_u16(), error.code()), (status, code));
        }
    }
}
