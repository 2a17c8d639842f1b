//! The proxy: REST, and gRPC beside it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use hyper_util::rt::TokioIo;
use local_stack::{Failed, Warehouse};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use super::counts::{Counts, Kind};
use super::trace::Trace;
use super::{Pace, statements, storage};

/// A local warehouse that takes as long as BigQuery, within this process. Dropping it ends it.
pub struct SlowWarehouse {
    /// Its REST address.
    pub rest: String,
    /// Its gRPC address.
    pub storage: String,
    /// What passed through.
    pub counts: Arc<Counts>,
    trace: Option<Arc<Trace>>,
    runtime: Option<Runtime>,
}

struct Proxy {
    upstream: SocketAddr,
    pace: Pace,
    counts: Arc<Counts>,
    trace: Option<Arc<Trace>>,
}

impl SlowWarehouse {
    /// Starts it before `warehouse`; each request is a line of the file `trace`.
    ///
    /// # Errors
    /// If there is no port or no thread for it, or the file can't be written.
    pub fn start(warehouse: &Warehouse, pace: Pace, trace: Option<&Path>) -> Result<Self, Failed> {
        let trace = trace.map(Trace::open).transpose()?;
        Self::before((address(&warehouse.rest)?, address(&warehouse.storage)?), pace, trace)
    }

    fn before((rest, storage): (SocketAddr, SocketAddr), pace: Pace, trace: Option<Trace>) -> Result<Self, Failed> {
        let runtime = Runtime::new().map_err(|e| e.to_string())?;
        let counts = Arc::new(Counts::default());
        let trace = trace.map(Arc::new);
        let listen = || -> Result<(TcpListener, String), Failed> {
            let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)));
            let listener = listener.map_err(|e| e.to_string())?;
            let address = listener.local_addr().map_err(|e| e.to_string())?;
            Ok((listener, format!("http://{address}")))
        };
        let ((rest_listener, rest_url), (storage_listener, storage_url)) = (listen()?, listen()?);
        let proxy = Proxy {
            upstream: rest,
            pace,
            counts: counts.clone(),
            trace: trace.clone(),
        };
        let router = Router::new().fallback(pass).with_state(Arc::new(proxy));
        runtime.spawn(async move { axum::serve(rest_listener, router).await });
        let counted = counts.clone();
        runtime.spawn(async move {
            loop {
                if let Ok((client, _)) = storage_listener.accept().await {
                    tokio::spawn(storage::one(client, storage, pace.request, counted.clone()));
                }
            }
        });
        Ok(Self {
            rest: rest_url,
            storage: storage_url,
            counts,
            trace,
            runtime: Some(runtime),
        })
    }
}

impl SlowWarehouse {
    /// Marks in the trace that a part of the measurement begins.
    pub fn trace(&self, name: &str) {
        if let Some(trace) = &self.trace {
            trace.line(name);
        }
    }
}

impl Drop for SlowWarehouse {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn address(url: &str) -> Result<SocketAddr, Failed> {
    let address = url.trim_start_matches("http://").parse();
    address.map_err(|e| format!("{url}: {e}"))
}

/// Passes a request on, and its answer back when its time has come.
async fn pass(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    let begun = Instant::now();
    let result = async {
        let (head, body) = request.into_parts();
        let asked = format!("{} {}", head.method, head.uri.path());
        let body = to_bytes(body, usize::MAX).await.map_err(io::Error::other)?;
        let mut kind = kind(&head.method, head.uri.path());
        if let Kind::Job { of_dbt } = &mut kind {
            // A label of each of its jobs.
            *of_dbt = String::from_utf8_lossy(&body).contains("dbt_invocation_id");
        }
        let answer = ask(proxy.upstream, Request::from_parts(head, Body::from(body.clone()))).await?;
        Ok::<_, io::Error>((kind, asked, body, answer))
    };
    let (kind, asked, body, (head, answer)) = match result.await {
        Ok(all) => all,
        Err(problem) => {
            let mut answer = Response::new(Body::from(problem.to_string()));
            *answer.status_mut() = StatusCode::BAD_GATEWAY;
            return answer;
        }
    };
    let (takes, bytes) = match kind {
        Kind::Job { .. } => {
            let read = bytes_read(&answer);
            let takes = proxy.pace.of_job(statements::changes(&sql(&body))) + proxy.pace.of_bytes(read);
            (takes, read)
        }
        _ => (proxy.pace.request, 0),
    };
    tokio::time::sleep(takes.saturating_sub(begun.elapsed())).await;
    proxy.counts.add(kind, begun, bytes);
    if let Some(trace) = &proxy.trace {
        trace.write(kind, begun, &asked, &sql(&body));
    }
    let (mut head, ()) = head.into_parts();
    head.headers.remove(header::TRANSFER_ENCODING);
    head.headers.remove(header::CONNECTION);
    Response::from_parts(head, Body::from(answer))
}

async fn ask(upstream: SocketAddr, request: Request) -> io::Result<(axum::http::Response<()>, Bytes)> {
    let stream = TcpStream::connect(upstream).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(io::Error::other)?;
    let (head, body) = answer.into_parts();
    let body = to_bytes(Body::new(body), usize::MAX).await.map_err(io::Error::other)?;
    Ok((axum::http::Response::from_parts(head, ()), body))
}

fn kind(method: &Method, path: &str) -> Kind {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    // …/projects/P/queries begins a job, …/projects/P/queries/J asks for its rows; the same with jobs.
    let at = parts.iter().position(|part| *part == "projects").map(|at| at + 2);
    match at.and_then(|at| parts.get(at..)) {
        Some(["queries" | "jobs"]) if method == Method::POST => Kind::Job { of_dbt: false },
        Some(["queries" | "jobs", ..]) => Kind::Poll,
        _ => Kind::Metadata,
    }
}

/// The statement of a query job, in either form.
fn sql(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let query = body["query"]
        .as_str()
        .or_else(|| body["configuration"]["query"]["query"].as_str());
    query.unwrap_or_default().to_owned()
}

fn bytes_read(answer: &[u8]) -> u64 {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let told = [
        &answer["totalBytesProcessed"],
        &answer["statistics"]["totalBytesProcessed"],
    ];
    let told = told.into_iter().find_map(Value::as_str);
    told.and_then(|bytes| bytes.parse().ok()).unwrap_or_default()
}

/// What one measurement's pace is for a person.
impl std::fmt::Display for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |time: Duration| time.as_millis();
        write!(
            f,
            "{} ms a query job, {} ms more for each further statement of a script that changes data, {} ms for any other request",
            ms(self.job),
            ms(self.statement),
            ms(self.request)
        )?;
        match self.megabytes_per_second {
            0 => Ok(()),
            speed => write!(
                f,
                ", and a second for every {speed} MB that the local warehouse says it has read"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use local_stack::http;
    use serde_json::json;

    use super::*;

    /// A warehouse that answers every request with its path, and echoes on its other port.
    fn warehouse(runtime: &Runtime) -> (SocketAddr, SocketAddr) {
        let bind = || runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let (rest, storage) = (bind(), bind());
        let addresses = (rest.local_addr().expect("bound"), storage.local_addr().expect("bound"));
        let router = Router::new().fallback(|request: Request| async move {
            axum::Json(json!({"path": request.uri().path(), "totalBytesProcessed": "3"}))
        });
        runtime.spawn(async move { axum::serve(rest, router).await });
        runtime.spawn(async move {
            loop {
                let (mut stream, _) = storage.accept().await.expect("a connection");
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            }
        });
        addresses
    }

    #[test]
    fn each_kind_takes_its_time_and_is_counted() {
        let runtime = Runtime::new().expect("a runtime");
        let pace: Pace = "300,200,100,0".parse().expect("a pace");
        let slow = SlowWarehouse::before(warehouse(&runtime), pace, None).expect("a proxy");
        let timed = |ask: &dyn Fn() -> http::Answer| {
            let begun = Instant::now();
            let answer = ask();
            (answer.0, answer.1["path"].clone(), begun.elapsed())
        };
        let base = format!("{}/bigquery/v2/projects/p", slow.rest);
        let script = json!({"query": "MERGE a USING b ON c; DELETE FROM d"});
        let insert = json!({"configuration": {"query": {"query": "SELECT 1"}, "labels": {"dbt_invocation_id": "a"}}});
        let (status, path, took) = timed(&|| http::post(&format!("{base}/queries"), None, &script).expect("an answer"));
        assert_eq!((status, path), (200, json!("/bigquery/v2/projects/p/queries")));
        assert!(took >= Duration::from_millis(500), "{took:?}");
        let (.., took) = timed(&|| http::post(&format!("{base}/jobs"), None, &insert).expect("an answer"));
        assert!(took >= Duration::from_millis(300), "{took:?}");
        let (.., took) = timed(&|| http::get(&format!("{base}/queries/j")).expect("an answer"));
        assert!(took >= Duration::from_millis(100), "{took:?}");
        http::get(&format!("{base}/datasets/d/tables/jobs")).expect("an answer");
        let counts = slow.counts.take();
        assert_eq!(
            counts,
            json!({"jobs": 2, "of_dbt": 1, "chain": 2, "requests": 4, "metadata": 1, "exchanges": 0, "bytes": 6})
        );
    }

    #[test]
    fn an_exchange_by_grpc_is_passed_on_and_counted() {
        let runtime = Runtime::new().expect("a runtime");
        let slow =
            SlowWarehouse::before(warehouse(&runtime), "0,0,100,0".parse().expect("a pace"), None).expect("a proxy");
        let mut stream = std::net::TcpStream::connect(slow.storage.trim_start_matches("http://")).expect("connects");
        let begun = Instant::now();
        for _ in 0..2 {
            io::Write::write_all(&mut stream, b"ping").expect("sent");
            let mut echo = [0; 4];
            io::Read::read_exact(&mut stream, &mut echo).expect("an echo");
            assert_eq!(&echo, b"ping");
        }
        assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
        assert_eq!(slow.counts.take()["exchanges"], 2);
    }
}
