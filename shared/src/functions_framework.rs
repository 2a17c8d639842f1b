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
mod shutdown;
#[cfg(test)]
mod tests;
mod trace;

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::response::IntoResponse;
use tokio::net::TcpListener;
use tower::Service;

pub use body::{RequestBytes, read_body};
pub use contract::Signature;
pub use shutdown::{Shutdown, signal};
pub use trace::TraceContext;

use crate::config::Env;
use crate::error::ApiError;

/// What the shim can be told. [`Settings::read`] takes it from the environment; a function may
/// then change its limits.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen.
    pub address: SocketAddr,
    /// The largest request body in bytes; 1 MiB.
    pub body_limit: usize,
    /// What is sent to the function.
    pub signature: Signature,
    /// The most open connections: 1,024, or three quarters of the files that the process may open if that is less.
    pub connections: usize,
    /// How long a request's head may take to arrive; 10 s.
    pub head_timeout: Duration,
    /// How long a request's body may take to arrive; 30 s.
    pub read_timeout: Duration,
    /// How long a caller may take nothing of an answer; 30 s.
    pub write_timeout: Duration,
    /// How long handlers may go on after the signal to stop: 8 s, because Cloud Run kills after 10
    /// and the function has things to put away after that.
    pub drain: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            body_limit: 1024 * 1024,
            signature: Signature::Http,
            connections: connections::most(),
            head_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            drain: Duration::from_secs(8),
        }
    }
}

impl Settings {
    /// Declares and reads `PORT`, `HOST`, `FUNCTION_TARGET` and `FUNCTION_SIGNATURE_TYPE`. `function` is the name of
    /// this program's function, and `signatures` what may be sent to it, the default first.
    pub fn read(env: &mut Env, function: &'static str, signatures: &'static [Signature]) -> Self {
        let signature = Signature::read(env, function, signatures);
        let port = env
            .number("PORT", "port to listen on; 0 picks a free one")
            .default(8080);
        let everywhere = env.is_set("K_SERVICE");
        let host = if everywhere {
            Ipv4Addr::UNSPECIFIED
        } else {
            Ipv4Addr::LOCALHOST
        };
        let host: String = env
            .string(
                "HOST",
                "address to listen on; on Cloud Run all of them, elsewhere the loopback one",
            )
            .check(|host| match host.parse::<IpAddr>() {
                Ok(_) => Ok(()),
                Err(_) => Err(format!("is '{host}'; it must be an IP address such as 127.0.0.1")),
            })
            .default(host.to_string());
        let host = host.parse().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Self {
            address: SocketAddr::new(host, port),
            signature,
            ..Self::default()
        }
    }
}

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
    let settings = Settings::read(&mut env, name, &[Signature::Http]);
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
