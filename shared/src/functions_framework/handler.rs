//! What happens to one request around the function's own service.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Limited};
use serde_json::json;
use tokio_util::task::TaskTracker;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};
use tracing::Instrument;

use super::{Settings, Shutdown, SignatureType, TraceContext, body};
use crate::error::{ApiError, ErrorNote};
use crate::telemetry::escape::escaped;

/// The longest plain error text of a router that is taken over into our JSON.
const ERROR_TEXT_LIMIT: usize = 4 * 1024;

/// The longest path and user agent in a log line, in characters: both are the caller's own words.
const LOGGED: usize = 200;

/// What is left of [`Settings::drain`] to answer the callers whose work has not ended by then.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(super) struct Handler {
    name: &'static str,
    signature: SignatureType,
    service: BoxCloneSyncService<Request<Body>, Response, ApiError>,
    body_limit: usize,
    body_timeout: Duration,
    /// How long after the signal to stop a caller waits for work that does not end.
    patience: Duration,
    /// Told to stop, and passed on to every request.
    pub(super) shutdown: Shutdown,
    /// Counts handlers that still run, also those whose caller has gone.
    pub(super) running: TaskTracker,
}

impl Handler {
    pub(super) fn new<S>(name: &'static str, service: S, settings: &Settings) -> Self
    where
        S: Service<Request<Body>> + Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Error: Into<ApiError>,
        S::Future: Send,
    {
        let service = service
            .map_response(IntoResponse::into_response)
            .map_err(Into::<ApiError>::into);
        Self {
            name,
            signature: settings.signature,
            service: BoxCloneSyncService::new(service),
            body_limit: settings.body_limit,
            body_timeout: settings.read_timeout,
            patience: settings.drain.saturating_sub(LAST_ANSWERS.min(settings.drain / 2)),
            shutdown: Shutdown::default(),
            running: TaskTracker::new(),
        }
    }

    pub(super) async fn handle(self, request: Request<Body>) -> Response {
        // Google's front end answers some paths that end in z itself, so from outside only `/health` arrives.
        if matches!(request.uri().path(), "/health" | "/healthz")
            && matches!(*request.method(), Method::GET | Method::HEAD)
        {
            return Json(json!({"status": "ok", "service": self.name})).into_response();
        }
        let trace = TraceContext::from_headers(request.headers());
        let span = tracing::info_span!(
            "request",
            method = %request.method(),
            path = logged(request.uri().path()),
            trace_id = trace.trace_id,
            trace_sampled = trace.sampled,
            span_id = tracing::field::Empty,
        );
        if let Some(parent) = &trace.parent_span_id {
            span.record("span_id", parent);
        }
        // A probe asks once a second until a function is ready.
        let access = (request.uri().path() != "/ready").then(|| Access::begin(&request));
        async move {
            let mut response = self.answer(request, trace).await;
            // What a function tells is for its caller alone.
            let headers = response.headers_mut();
            headers
                .entry(CACHE_CONTROL)
                .or_insert(HeaderValue::from_static("no-store"));
            if let Some(access) = access {
                access.end(&response);
            }
            response
        }
        .instrument(span)
        .await
    }

    async fn answer(self, request: Request<Body>, trace: TraceContext) -> Response {
        if declared_length(request.headers()).is_some_and(|length| length > self.body_limit as u64) {
            return body::too_large(Some(self.body_limit)).into_response();
        }
        if let Err(refused) = self.signature.admit(&request) {
            return refused.into_response();
        }
        let (limit, timeout) = (self.body_limit, self.body_timeout);
        let mut request = request.map(|body| body::guarded(body, limit, timeout));
        request.extensions_mut().insert(self.shutdown.clone());
        request.extensions_mut().insert(trace);
        // A task of its own: it survives the caller, and a panic in it ends only itself.
        let work = self.service.oneshot(request).in_current_span();
        let work = self.running.spawn(work);
        let too_late = async {
            self.shutdown.wait().await;
            tokio::time::sleep(self.patience).await;
        };
        let worked = tokio::select! {
            biased;
            worked = work => worked,
            // The work goes on for as long as the process does.
            () = too_late => return stopping().into_response(),
        };
        match worked {
            Ok(Ok(response)) => in_our_json(response).await,
            Ok(Err(error)) => error.into_response(),
            Err(e) if e.is_panic() => ApiError::internal("the handler panicked").into_response(),
            Err(_) => ApiError::internal("the handler was cancelled").into_response(),
        }
    }
}

/// A caller's own words, made harmless.
fn logged(text: &str) -> String {
    let mut short = escaped(&text.chars().take(LOGGED).collect::<String>());
    if text.chars().nth(LOGGED).is_some() {
        short.push('…');
    }
    short
}

fn stopping() -> ApiError {
    let message = "this instance is being stopped, and the work for this request has not ended in time";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", message)
        .with_hint("call again: another instance answers, and goes on where this one was")
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Gives the plain errors of routers and extractors the shape that all our errors have.
async fn in_our_json(response: Response) -> Response {
    let status = response.status();
    let plain = match response.headers().get(CONTENT_TYPE).map(|value| value.to_str()) {
        None => true,
        Some(kind) => kind.is_ok_and(|kind| kind.starts_with("text/plain")),
    };
    if !(status.is_client_error() || status.is_server_error()) || !plain {
        return response;
    }
    let (parts, body) = response.into_parts();
    let text = match Limited::new(body, ERROR_TEXT_LIMIT).collect().await {
        Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        Err(_) => String::new(),
    };
    let mut ours = ApiError::from_status(status, &text).into_response();
    for (name, value) in &parts.headers {
        if *name != CONTENT_TYPE && *name != CONTENT_LENGTH {
            ours.headers_mut().append(name, value.clone());
        }
    }
    ours
}

/// Writes one access log line: at the end, or when the caller hangs up before it.
struct Access {
    method: Method,
    path: Arc<str>,
    user_agent: String,
    begun: Instant,
    done: bool,
}

impl Access {
    fn begin(request: &Request<Body>) -> Self {
        let user_agent = request.headers().get(USER_AGENT).map(HeaderValue::as_bytes);
        Self {
            method: request.method().clone(),
            // The query stays out of the log: callers put tokens there.
            path: logged(request.uri().path()).into(),
            user_agent: logged(&String::from_utf8_lossy(user_agent.unwrap_or_default())),
            begun: Instant::now(),
            done: false,
        }
    }

    fn end(mut self, response: &Response) {
        self.done = true;
        let note = response.extensions().get::<ErrorNote>();
        self.write(response.status(), note);
    }

    fn write(&self, status: StatusCode, note: Option<&ErrorNote>) {
        let Self {
            method,
            path,
            user_agent,
            begun,
            ..
        } = self;
        let latency = begun.elapsed();
        let (code, reason) = note.map_or(("", ""), |note| (&note.code, &note.message));
        let cause = note.and_then(|note| note.log.as_deref()).unwrap_or_default();
        // Levels are fixed where an event is written, hence a macro for the three.
        macro_rules! line {
            ($level:ident, $($extra:tt)*) => {
                tracing::$level!(
                    event = "request_ended",
                    http_request.request_method = %method, http_request.request_url = &**path,
                    http_request.status = status.as_u16(), http_request.user_agent = user_agent.as_str(),
                    // Cloud Logging's form of a duration.
                    http_request.latency = %format_args!("{:.6}s", latency.as_secs_f64()),
                    $($extra)*
                    "{method} {path} {} in {} ms", status.as_u16(), latency.as_millis()
                )
            };
        }
        match (status.as_u16(), cause) {
            (500.., "") => line!(error, code, reason,),
            (500.., _) => line!(error, code, reason, cause,),
            (400.., _) => line!(warn, code, reason,),
            _ => line!(info,),
        }
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        if !self.done {
            // nginx's number for this case; no response can be sent any more.
            let gone = StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST);
            let note = ErrorNote {
                code: "caller_gone".into(),
                message: "the caller hung up; the work goes on".into(),
                log: None,
            };
            self.write(gone, Some(&note));
        }
    }
}
