//! A BigQuery that refuses first: its Storage Write API over gRPC, and its REST API.

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

use crate::warehouse::{Emulator, Settings, Warehouse};

/// What a BigQuery does in place of its work; the rest goes well.
#[derive(Clone, Debug)]
pub enum PlayedFault {
    /// The call, by its name, is refused with this code.
    Call(&'static str, u16),
    /// The streams are committed, but the answer is lost.
    LostCommit,
    /// A REST call whose path ends so is refused: HTTP status, canonical code, reason, message.
    Rest(&'static str, u16, &'static str, &'static str, &'static str),
}

#[derive(Default)]
pub struct Google {
    faults: VecDeque<PlayedFault>,
    pub calls: Vec<String>,
    /// Append requests of each stream, and whether it was committed.
    streams: BTreeMap<String, (usize, bool)>,
}

pub type Shared = Arc<Mutex<Google>>;

impl Google {
    fn next(&mut self, applies: impl Fn(&PlayedFault) -> bool) -> Option<PlayedFault> {
        let found = self.faults.iter().position(applies)?;
        self.faults.remove(found)
    }

    pub fn committed(&self) -> usize {
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

/// A warehouse at a BigQuery that has these faults.
pub async fn warehouse(faults: &[PlayedFault]) -> (Warehouse, Shared) {
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
