//! Request bodies: never larger and never slower than allowed.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Sleep;

use crate::error::ApiError;

/// Reads a request's whole body.
///
/// # Errors
/// 413 if it is larger than the function allows, 408 if it comes too slowly, 400 if the caller
/// breaks off.
pub async fn read_body(body: Body) -> Result<Bytes, ApiError> {
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(body_error(&error)),
    }
}

/// The same of a body that may have `limit` bytes, which are fewer than the function allows elsewhere.
///
/// # Errors
/// As [`read_body`].
pub async fn read_body_up_to(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    read_body(Body::new(Limited::new(body, limit))).await
}

/// What went wrong while a body was read.
pub fn body_error(error: &(dyn std::error::Error + 'static)) -> ApiError {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return too_large(None);
        }
        if error.is::<TooSlow>() {
            return ApiError::new(
                StatusCode::REQUEST_TIMEOUT,
                "body_timeout",
                "the request's body came too slowly",
            );
        }
        cause = error.source();
    }
    ApiError::bad_request("body_unreadable", "the request's body could not be read to its end")
}

pub(super) fn too_large(limit: Option<usize>) -> ApiError {
    let limit = limit.map_or_else(|| "what this function takes".into(), |limit| format!("{limit} bytes"));
    let message = format!("the request's body is larger than {limit}");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
}

/// `body`, cut with an error after `limit` bytes or after `timeout` from its first read.
pub(super) fn guarded(body: Body, limit: usize, timeout: Duration) -> Body {
    Body::new(Limited::new(
        Timed {
            body,
            timeout,
            sleep: None,
        },
        limit,
    ))
}

#[derive(Debug, thiserror::Error)]
#[error("the body came too slowly")]
struct TooSlow;

struct Timed {
    body: Body,
    timeout: Duration,
    /// One deadline for the whole body, not for each piece: a byte every few seconds is slow too.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let timeout = self.timeout;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        match sleep.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(Box::new(TooSlow)))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
