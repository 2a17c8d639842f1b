//! Runs an HTTP function, the way `lambda_http` runs a Lambda:
//!
//! ```no_run
//! use axum::body::Body;
//! use axum::http::Request;
//! use mergemind_shared::{ApiError, functions_framework};
//! use tower::service_fn;
//!
//! async fn hello(_request: Request<Body>) -> Result<&'static str, ApiError> {
//!     Ok("hello")
//! }
//!
//! #[tokio::main]
//! async fn main() -> std::io::Result<()> {
//!     functions_framework::run("hello", service_fn(hello)).await
//! }
//! ```
//!
//! It keeps the contract of Google's Functions Framework for HTTP functions and CloudEvents: `PORT`, `FUNCTION_TARGET`,
//! `FUNCTION_SIGNATURE_TYPE`, and `K_SERVICE` as the sign of Cloud Run.
//!
//! Any `tower` service of `http::Request<axum::body::Body>` will do, an `axum` `Router` too. Around
//! it the shim
//! - listens on `PORT` (8080), on all interfaces on Cloud Run and on the loopback one elsewhere;
//! - answers `GET /health` by itself, and `GET /healthz` for probes;
//! - refuses bodies above a limit (413) and requests that come too slowly (408);
//! - has no more connections open than files allow, closes one that waits for a request where a place is needed, and
//!   one whose peer does not read its answer;
//! - gives each request a span with its trace, from `traceparent` or `X-Cloud-Trace-Context`, and
//!   one access log line;
//! - has no answer stored by anybody (`Cache-Control: no-store`), unless the function says otherwise;
//! - turns a panic into a logged 500, and plain errors of a router (404, 405 …) into our JSON;
//! - on SIGTERM or Ctrl-C takes no new connection, tells the handlers through [`Shutdown`], and
//!   waits for them for a while; whoever would not have an answer by then is told so (503).
//!
//! A handler runs to its end even if its caller hangs up, as it does on a function platform.
//! A request's extensions hold its [`Shutdown`], its [`TraceContext`] and the address of its connection
//! (`axum::extract::ConnectInfo<SocketAddr>`).

mod body;
mod connections;
mod contract;
mod handler;
mod server;
mod settings;
mod shutdown;
#[cfg(test)]
mod tests;
mod trace;

use std::future::Future;

use axum::body::Body;
use axum::http::Request;
use axum::response::IntoResponse;
use tokio::net::TcpListener;
use tower::Service;

pub use body::{body_error, read_body, read_body_up_to};
pub(crate) use connections::most as most_connections;
pub use contract::SignatureType;
pub use settings::Settings;
pub use shutdown::{Shutdown, signal};
pub use trace::TraceContext;

use crate::config::Env;
use crate::error::ApiError;

/// Runs `service` until SIGTERM or Ctrl-C, with [`Settings`] from the environment.
///
/// # Errors
/// If the settings are wrong or the address can't be listened on.
pub async fn run<S>(name: &'static str, service: S) -> std::io::Result<()>
where
    S: Service<Request<Body>> + Clone + Send + Sync + 'static,
    S::Response: IntoResponse,
    S::Error: Into<ApiError>,
    S::Future: Send,
{
    let mut env = Env::from_process();
    let settings = Settings::read(&mut env, name, &[SignatureType::Http]);
    env.finish().map_err(std::io::Error::other)?;
    run_with(name, settings, service).await
}

/// Like [`run`], with settings that the function has read, and changed, itself.
///
/// # Errors
/// If the address can't be listened on.
pub async fn run_with<S>(name: &'static str, settings: Settings, service: S) -> std::io::Result<()>
where
    S: Service<Request<Body>> + Clone + Send + Sync + 'static,
    S::Response: IntoResponse,
    S::Error: Into<ApiError>,
    S::Future: Send,
{
    let listener = bind(&settings).await?;
    run_until(name, listener, settings, service, signal()).await;
    Ok(())
}

/// Listens where `settings` say.
///
/// # Errors
/// If the address can't be listened on; the message says what to change.
pub async fn bind(settings: &Settings) -> std::io::Result<TcpListener> {
    let address = settings.address;
    TcpListener::bind(address).await.map_err(|e| {
        std::io::Error::new(
            e.kind(),
            format!("can't listen on {address}: {e}; choose another PORT or HOST"),
        )
    })
}

/// Serves on `listener` until `stop` is ready, then drains; for tests and for special starts.
pub async fn run_until<S>(
    name: &'static str,
    listener: TcpListener,
    settings: Settings,
    service: S,
    stop: impl Future<Output = ()>,
) where
    S: Service<Request<Body>> + Clone + Send + Sync + 'static,
    S::Response: IntoResponse,
    S::Error: Into<ApiError>,
    S::Future: Send,
{
    let handler = handler::Handler::new(name, service, &settings);
    server::serve(name, listener, &settings, handler, stop).await;
}
