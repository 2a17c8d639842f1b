//! Every kind of refusal, played by a BigQuery that refuses first: what is tried again, what is not, and that no row
//! is ever there twice.

mod google;

use google::{PlayedFault, warehouse};

use super::schema::{Column, Kind};
use super::value::Value;
use super::{Commit, Error, Reason, Table, TableRows};

/// Stages one row. Returns the outcome, how many times the row is in the stage, and the calls.
async fn staged(faults: &[PlayedFault]) -> (Result<String, Error>, usize, Vec<String>) {
    let table = Table {
        name: "t",
        description: "",
        columns: vec![Column::new("id", Kind::Int64, "")],
        primary_key: &["id"],
        version: None,
        partition_by: None,
        cluster_by: &[],
    };
    let (warehouse, google) = warehouse(faults).await;
    let outcome = warehouse.stage(&table, &[vec![Value::Int(1)]], 1).await;
    let google = google.lock().expect("a lock");
    (outcome, google.committed(), google.calls.clone())
}

const CALLS: [&str; 4] = [
    "CreateWriteStream",
    "AppendRows",
    "FinalizeWriteStream",
    "BatchCommitWriteStreams",
];

#[tokio::test]
async fn each_passing_refusal_of_storage_write_is_tried_again_and_doubles_nothing() {
    // CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED, ABORTED, INTERNAL, UNAVAILABLE
    for code in [1, 2, 4, 5, 7, 8, 10, 13, 14] {
        for call in CALLS {
            let (outcome, rows, calls) = staged(&[PlayedFault::Call(call, code), PlayedFault::Call(call, code)]).await;
            assert!(outcome.is_ok(), "{call} {code}: {outcome:?} {calls:?}");
            assert_eq!(rows, 1, "{call} {code}: {calls:?}");
        }
    }
}

#[tokio::test]
async fn a_lasting_refusal_of_storage_write_ends_at_once_with_advice_that_fits() {
    for (code, reason, advice) in [
        (3, Reason::Invalid, "please report it"),
        (9, Reason::Invalid, "please report it"),
        (16, Reason::Credentials, "Google's credentials"),
    ] {
        for call in CALLS {
            let (outcome, rows, calls) = staged(&[PlayedFault::Call(call, code)]).await;
            let error = outcome.expect_err("refused");
            assert_eq!((error.reason(), rows), (Some(reason), 0), "{call} {code}: {error}");
            assert!(error.advice().contains(advice), "{}", error.advice());
            assert_eq!(calls.iter().filter(|made| *made == call).count(), 1, "{calls:?}");
        }
    }
}

#[tokio::test]
async fn a_refusal_that_does_not_pass_is_given_up() {
    let faults = vec![PlayedFault::Call("CreateWriteStream", 7); 20];
    let (outcome, _, calls) = staged(&faults).await;
    let error = outcome.expect_err("refused");
    assert!(error.advice().contains("BigQuery Data Editor"), "{}", error.advice());
    assert_eq!(calls.iter().filter(|call| *call == "CreateWriteStream").count(), 3);
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_not_repeated() {
    let (outcome, rows, calls) = staged(&[PlayedFault::LostCommit]).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(
        (
            rows,
            calls.iter().filter(|call| *call == "BatchCommitWriteStreams").count()
        ),
        (1, 2)
    );
}

#[tokio::test]
async fn a_row_larger_than_an_append_is_cut_and_stops_no_commit() {
    let table = Table {
        name: "t",
        description: "",
        columns: vec![
            Column::new("id", Kind::Int64, ""),
            Column::new("note", Kind::String, ""),
        ],
        primary_key: &["id"],
        version: None,
        partition_by: None,
        cluster_by: &[],
    };
    let row = |id, length| vec![Value::Int(id), Value::Text("x".repeat(length))];
    let (warehouse, google) = warehouse(&[]).await;
    let refused = warehouse.stage(&table, &[row(1, 10_500_000)], 1).await;
    assert_eq!(refused.expect_err("too large").reason(), Some(Reason::Invalid));
    let batch = TableRows {
        table: &table,
        rows: vec![row(1, 11_000_000), row(2, 3), row(3, 12_600_000), row(4, 9_400_000)],
        complete_set: None,
    };
    let commit = Commit {
        batches: vec![batch],
        ..Commit::default()
    };
    let outcome = warehouse.commit(commit).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(
        google.lock().expect("a lock").committed(),
        4,
        "each in a request of its own"
    );
}

#[tokio::test]
async fn each_passing_refusal_over_rest_is_tried_again() {
    let full = "Quota exceeded: Your table exceeded quota for total number of dml jobs writing to a table";
    let lost = "Could not serialize access to table p:d.t due to concurrent update";
    let aborted = "Transaction is aborted due to concurrent update against table p:d.t";
    for (code, status, reason, message) in [
        (403, "PERMISSION_DENIED", "quotaExceeded", full),
        (
            403,
            "PERMISSION_DENIED",
            "accessDenied",
            "Access Denied: Table p:d._cursors",
        ),
        (400, "INVALID_ARGUMENT", "invalidQuery", lost),
        (400, "INVALID_ARGUMENT", "invalidQuery", aborted),
    ] {
        let (warehouse, google) = warehouse(&[PlayedFault::Rest("/queries", code, status, reason, message)]).await;
        let outcome = warehouse
            .run_transaction("BEGIN TRANSACTION; COMMIT TRANSACTION;")
            .await;
        assert!(outcome.is_ok(), "{reason}: {outcome:?}");
        assert_eq!(google.lock().expect("a lock").calls.len(), 2);
    }
    for (code, status, reason) in [
        (403, "PERMISSION_DENIED", "rateLimitExceeded"),
        (403, "PERMISSION_DENIED", "quotaExceeded"),
        (404, "NOT_FOUND", "notFound"),
        (500, "INTERNAL", "internalError"),
        (503, "UNAVAILABLE", "backendError"),
    ] {
        let (outcome, rows, calls) = staged(&[PlayedFault::Rest("/tables", code, status, reason, "no")]).await;
        assert!(outcome.is_ok(), "{reason}: {outcome:?}");
        assert_eq!(
            (rows, calls.iter().filter(|call| *call == "tables").count()),
            (1, 2),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn what_is_wrong_or_missing_is_not_tried_again() {
    for (code, status, reason, message, of) in [
        (400, "INVALID_ARGUMENT", "invalidQuery", "Syntax error", Reason::Invalid),
        (404, "NOT_FOUND", "notFound", "Not found: Table p:d.t", Reason::Missing),
        (
            403,
            "PERMISSION_DENIED",
            "billingNotEnabled",
            "Billing",
            Reason::Billing,
        ),
    ] {
        let (warehouse, google) = warehouse(&[PlayedFault::Rest("/queries", code, status, reason, message)]).await;
        let error = warehouse.query("SELECT 1").await.expect_err("refused");
        assert_eq!(
            (error.reason(), error.is_not_found()),
            (Some(of), of == Reason::Missing),
            "{error}"
        );
        assert_eq!(google.lock().expect("a lock").calls.len(), 1);
    }
    // Whether a transaction that broke off was committed is not sure; the cursor tells the next sync.
    assert!(!Reason::Outage.is_before_commit() && !Reason::Missing.is_before_commit());
}
