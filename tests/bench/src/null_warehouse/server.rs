//! The server: REST and gRPC on one port.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, Request, State as Shared};
use axum::routing::post;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use local_stack::Failed;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::state::State;
use super::{answers, grpc};

/// A running warehouse that takes everything at once, within this process. Dropping it ends it.
pub struct NullWarehouse {
    /// Its address, for both APIs.
    pub url: String,
    state: Arc<State>,
    runtime: Option<Runtime>,
}

impl NullWarehouse {
    /// Starts it.
    ///
    /// # Errors
    /// If there is no port or no thread for it.
    pub fn start() -> Result<Self, Failed> {
        let runtime = Runtime::new().map_err(|e| e.to_string())?;
        let listener = runtime
            .block_on(TcpListener::bind(("127.0.0.1", 0)))
            .map_err(|e| e.to_string())?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        let state = Arc::new(State::default());
        let router = routes(state.clone());
        // Small answers are not to wait for one another.
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        runtime.spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            url: format!("http://{address}"),
            state,
            runtime: Some(runtime),
        })
    }

    /// All rows that came with commits.
    pub fn rows(&self) -> u64 {
        self.state.committed()
    }
}

impl Drop for NullWarehouse {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn routes(state: Arc<State>) -> Router {
    Router::new()
        .route("/bigquery/v2/projects/{project}/queries", post(query))
        .route("/bigquery/v2/projects/{project}/datasets/{dataset}/tables", post(table))
        .route("/google.cloud.bigquery.storage.v1.BigQueryWrite/{method}", post(write))
        // A commit names all that it is about.
        .layer(DefaultBodyLimit::disable())
        .with_state(state)
}

async fn query(Shared(state): Shared<Arc<State>>, Json(body): Json<Value>) -> Json<Value> {
    Json(answers::answer(&state, body["query"].as_str().unwrap_or_default()))
}

/// A table that is to be made is made: its own description comes back.
async fn table(Json(mut body): Json<Value>) -> Json<Value> {
    body["kind"] = json!("bigquery#table");
    Json(body)
}

async fn write(
    Shared(state): Shared<Arc<State>>,
    Path(method): Path<String>,
    request: Request,
) -> axum::response::Response {
    grpc::call(state, &method, request)
}
