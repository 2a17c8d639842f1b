//! Every kind of refusal, played by a BigQuery that refuses first: what is tried again, what is not, and that no row
//! is ever there twice.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http_body_util::{BodyExt, Full};
use serde_json::json;

use super::schema::{Column, Kind};
use super::value::Value;
use super::{Commit, Emulator, Error, Reason, Settings, Table, TableRows, Warehouse};

/// What a BigQuery does in place of its work; the rest goes well.
#[derive(Clone, Debug)]
enum PlayedFault {
    /// The call, by its name, is refused with this code.
    Call(&'static str, u16),
    /// The streams are committed, but the answer is lost.
    LostCommit,
    /// A REST call whose path ends so is refused: HTTP status, canonical code, reason, message.
    Rest(&'static str, u16, &'static str, &'static str, &'static str),
}

#[derive(Default)]
struct Google {
    faults: VecDeque<PlayedFault>,
    calls: Vec<String>,
    /// Append requests of each stream, and whether it was committed.
    streams: BTreeMap<String, (usize, bool)>,
}

type Shared = Arc<Mutex<Google>>;

impl Google {
    fn next(&mut self, applies: impl Fn(&PlayedFault) -> bool) -> Option<PlayedFault> {
        let found = self.faults.iter().position(applies)?;
        self.faults.remove(found)
    }

    fn committed(&self) -> usize {
        self.streams
            .values()
            .filter(|(_, committed)| *committed)
            .map(|(rows, _)| rows)
            .sum()
    }
}

/// BigQuery refuses larger requests to append: <https://cloud.google.com/bigquery/quotas#write-api-limits>.
const LARGEST_APPEND: usize = 10_000_000;

/// The first message of a request. The client keeps that of AppendRows open.
async fn message(mut body: Body) -> Vec<u8> {
    let mut sent = Vec::new();
    // A byte, the length, and then the message.
    let length = |sent: &[u8]| {
        sent.get(1..5)
            .map(|bytes| u32::from_be_bytes(bytes.try_into().expect("four")) as usize)
    };
    while length(&sent).is_none_or(|length| sent.len() < 5 + length) {
        let Some(Ok(frame)) = body.frame().await else { break };
        sent.extend(frame.into_data().unwrap_or_default());
    }
    sent
}

async fn rpc(State(google): State<Shared>, Path(call): Path<String>, request: Request) -> Response {
    let sent = message(request.into_body()).await;
    if sent.len() > LARGEST_APPEND {
        return grpc(3, &[]);
    }
    let sent = String::from_utf8_lossy(&sent).into_owned();
    let named = |streams: &BTreeMap<String, (usize, bool)>| streams.keys().find(|name| sent.contains(*name)).cloned();
    let mut google = google.lock().expect("a lock");
    google.calls.push(call.clone());
    if let Some(PlayedFault::Call(_, code)) =
        google.next(|fault| matches!(fault, PlayedFault::Call(name, _) if *name == call))
    {
        return grpc(code, &[]);
    }
    match call.as_str() {
        "CreateWriteStream" => {
            let name = format!("projects/p/datasets/d/tables/t/streams/s{}s", google.streams.len());
            google.streams.insert(name.clone(), (0, false));
            // WriteStream { name, type: PENDING }
            let mut message = vec![0x0a, u8::try_from(name.len()).expect("short")];
            message.extend(name.bytes());
            message.extend([0x10, 2]);
            grpc(0, &message)
        }
        "AppendRows" => {
            let name = named(&google.streams).expect("a known stream");
            google.streams.entry(name).or_default().0 += 1;
            // AppendRowsResponse { append_result }
            grpc(0, &[0x0a, 0])
        }
        // FinalizeWriteStreamResponse { row_count: 1 }
        "FinalizeWriteStream" => grpc(0, &[0x08, 1]),
        _ => {
            let name = named(&google.streams).expect("a known stream");
            if std::mem::replace(&mut google.streams.entry(name).or_default().1, true) {
                // BatchCommitWriteStreamsResponse { stream_errors: [{ code: STREAM_ALREADY_COMMITTED }] }
                return grpc(0, &[0x12, 2, 0x08, 2]);
            }
            if google.next(|fault| matches!(fault, PlayedFault::LostCommit)).is_some() {
                return grpc(14, &[]);
            }
            // BatchCommitWriteStreamsResponse { commit_time }
            grpc(0, &[0x0a, 2, 0x08, 1])
        }
    }
}

fn grpc(code: u16, message: &[u8]) -> Response {
    let mut framed = vec![0];
    framed.extend(u32::try_from(message.len()).expect("short").to_be_bytes());
    framed.extend(message);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(code));
    trailers.insert("grpc-message", HeaderValue::from_static("no"));
    let data = if code == 0 { Bytes::from(framed) } else { Bytes::new() };
    let body = Full::new(data).with_trailers(std::future::ready(Some(Ok(trailers))));
    ([("content-type", "application/grpc")], Body::new(body)).into_response()
}

async fn rest(State(google): State<Shared>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let mut google = google.lock().expect("a lock");
    google
        .calls
        .push(path.rsplit('/').next().unwrap_or_default().to_owned());
    let fault = google.next(|fault| matches!(fault, PlayedFault::Rest(end, ..) if path.ends_with(end)));
    if let Some(PlayedFault::Rest(_, code, status, reason, message)) = fault {
        let errors = json!([{"reason": reason, "message": message, "domain": "global"}]);
        let body = json!({"error": {"code": code, "status": status, "message": message, "errors": errors}});
        return (StatusCode::from_u16(code).expect("a status"), axum::Json(body)).into_response();
    }
    // A commit of one batch.
    let schema = json!({"fields": [{"name": "n0", "type": "INTEGER", "mode": "NULLABLE"}]});
    let rows = json!([{"f": [{"v": "1"}]}]);
    axum::Json(json!({"jobComplete": true, "jobReference": {"projectId": "p", "jobId": "j"}, "schema": schema, "rows": rows, "totalRows": "1"}))
        .into_response()
}

async fn warehouse(faults: &[PlayedFault]) -> (Warehouse, Shared) {
    let google: Shared = Arc::default();
    google.lock().expect("a lock").faults.extend(faults.iter().cloned());
    let router = Router::new()
        .route("/google.cloud.bigquery.storage.v1.BigQueryWrite/{call}", post(rpc))
        .fallback(rest)
        .with_state(google.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = Settings {
        project: "p".into(),
        dataset: "d".into(),
        location: None,
        emulator: Some(Emulator {
            rest: address.clone(),
            storage: address,
        }),
    };
    (Warehouse::connect(settings).await.expect("clients"), google)
}

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
