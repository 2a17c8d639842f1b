//! The one error a caller of a function sees.
//!
//! Inside, every module has its own `thiserror` enum; at the edge each becomes an [`ApiError`]: a
//! status for HTTP clients, a `code` for programs, a `message` and a `hint` for people. Nothing that
//! is secret or internal belongs in it: what only the operator may read goes to
//! [`ApiError::with_log`].

use std::convert::Infallible;
use std::fmt;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

/// An error as the caller gets it: `{"status":"error","code":"…","message":"…","hint":"…"}`.
///
/// `?` in a handler turns an `ApiError` into a response; give inner error types a
/// `From<ErrorParts> for ApiError`.
#[derive(Clone, Debug)]
pub struct ApiError(Box<ErrorParts>);

#[derive(Clone, Debug)]
struct ErrorParts {
    status: StatusCode,
    code: String,
    message: String,
    hint: Option<String>,
    details: Option<Value>,
    log: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// What the access log tells about an error; travels in the response's extensions.
#[derive(Clone, Debug)]
pub(crate) struct ErrorNote {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) log: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    status: &'static str,
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a Value>,
}

impl ApiError {
    /// An error with HTTP `status`, a stable `code` in `snake_case` for programs, and a `message`
    /// for people.
    pub fn new(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self(Box::new(ErrorParts {
            status,
            code: code.into(),
            message: message.into(),
            hint: None,
            details: None,
            log: None,
            headers: Vec::new(),
        }))
    }

    /// 400: the request can't be understood or is not allowed to ask for this.
    pub fn bad_request(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 401 with the `WWW-Authenticate: Bearer` header that HTTP requires beside it.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message).with_header(
            HeaderName::from_static("www-authenticate"),
            HeaderValue::from_static("Bearer"),
        )
    }

    /// 500 for a fault of ours: the caller learns only that it happened, the log gets `cause`.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "something went wrong inside this function",
        )
        .with_hint("the function's log has the cause, under this request's trace")
        .with_log(cause)
    }

    /// The error for a bare HTTP status, such as the 404 of a router that knows no such path.
    /// `text` is the message, unless it is empty.
    #[must_use]
    pub fn from_status(status: StatusCode, text: &str) -> Self {
        let reason = status.canonical_reason().unwrap_or("error");
        let code = reason.to_lowercase().replace([' ', '-'], "_").replace('\'', "");
        let message = match (text.trim(), status) {
            ("", StatusCode::NOT_FOUND) => "nothing lives at this path",
            ("", StatusCode::METHOD_NOT_ALLOWED) => "this path does not take that method",
            ("", _) => reason,
            (text, _) => text,
        };
        Self::new(status, code, message)
    }

    /// Adds what the caller can do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds data for programs, as `details` in the answer.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.0.details = Some(details);
        self
    }

    /// Adds what only the operator may know: it goes to the log with the request's line.
    #[must_use]
    pub fn with_log(mut self, cause: impl fmt::Display) -> Self {
        self.0.log = Some(cause.to_string());
        self
    }

    /// Adds a response header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The code for programs.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// What to do about it, if that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The message for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Data for programs.
    #[must_use]
    pub fn details(&self) -> Option<&Value> {
        self.0.details.as_ref()
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ApiError {}

/// Lets routers, which never fail, be run like handlers that do.
impl From<Infallible> for ApiError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let inner = *self.0;
        let body = Body {
            status: "error",
            code: &inner.code,
            message: &inner.message,
            hint: inner.hint.as_deref(),
            details: inner.details.as_ref(),
        };
        let mut response = (inner.status, Json(body)).into_response();
        response.headers_mut().extend(inner.headers);
        response.extensions_mut().insert(ErrorNote {
            code: inner.code,
            message: inner.message,
            log: inner.log,
        });
        response
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::json;

    use super::*;

    async fn body_of(error: ApiError) -> Value {
        let body = error.into_response().into_body().collect().await.expect("body");
        serde_json::from_slice(&body.to_bytes()).expect("JSON")
    }

    #[tokio::test]
    async fn the_answer_has_one_shape() {
        let error = ApiError::bad_request("unknown_action", "no action 'x'")
            .with_hint("use run_dbt")
            .with_details(json!({"actions": ["run_dbt"]}))
            .with_log("not for callers");
        assert_eq!(
            body_of(error).await,
            json!({"status": "error", "code": "unknown_action", "message": "no action 'x'",
                   "hint": "use run_dbt", "details": {"actions": ["run_dbt"]}})
        );
    }

    #[tokio::test]
    async fn an_internal_error_keeps_its_cause_to_the_log() {
        let answer = body_of(ApiError::internal("password=hunter2")).await;
        assert!(!answer.to_string().contains("hunter2"));
    }

    #[test]
    fn bare_statuses_get_codes() {
        assert_eq!(ApiError::from_status(StatusCode::NOT_FOUND, "").code(), "not_found");
        let error = ApiError::from_status(StatusCode::METHOD_NOT_ALLOWED, "");
        assert_eq!(error.code(), "method_not_allowed");
    }
}
