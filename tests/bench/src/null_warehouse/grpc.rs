//! gRPC over HTTP/2, as far as the Storage Write API needs it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arrow::ipc::root_as_message;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use prost::Message;

use super::messages::{
    AppendResult, AppendRowsRequest, AppendRowsResponse, BatchCommitWriteStreamsResponse, CreateWriteStreamRequest,
    FinalizeWriteStreamResponse, Int64Value, Timestamp, WriteStream,
};
use super::state::State;

/// A call to `google.cloud.bigquery.storage.v1.BigQueryWrite`.
pub fn call(state: Arc<State>, method: &str, request: Request<Body>) -> Response<Body> {
    let method = match method {
        "CreateWriteStream" => Method::Create,
        "AppendRows" => Method::Append,
        "FinalizeWriteStream" => Method::Finalize,
        "BatchCommitWriteStreams" => Method::Commit,
        _ => Method::Unknown,
    };
    let stream = Answers {
        state,
        method,
        body: request.into_body(),
        received: Vec::new(),
        table: String::new(),
        ended: false,
    };
    let mut response = Response::new(Body::new(stream));
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", kind);
    response
}

#[derive(Clone, Copy)]
enum Method {
    Create,
    Append,
    Finalize,
    Commit,
    Unknown,
}

/// One answer for each message, and at the end the trailers that say that all went well.
struct Answers {
    state: Arc<State>,
    method: Method,
    body: Body,
    received: Vec<u8>,
    /// The write stream, which a client names only in its first message.
    table: String,
    ended: bool,
}

impl http_body::Body for Answers {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            if let Some(message) = take_message(&mut self.received) {
                let answer = self.answer(&message);
                return Poll::Ready(Some(Ok(Frame::data(framed(&answer)))));
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.received.extend_from_slice(&data);
                    }
                }
                // A client that breaks off gets the same end: nobody reads it.
                Some(Err(_)) | None => {
                    self.ended = true;
                    return Poll::Ready(Some(Ok(Frame::trailers(self.trailers()))));
                }
            }
        }
    }
}

impl Answers {
    fn trailers(&self) -> HeaderMap {
        // 12 is UNIMPLEMENTED.
        let status = if matches!(self.method, Method::Unknown) {
            "12"
        } else {
            "0"
        };
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static(status));
        trailers
    }

    fn answer(&mut self, message: &[u8]) -> Vec<u8> {
        match self.method {
            Method::Create => {
                let parent = CreateWriteStreamRequest::decode(message).unwrap_or_default().parent;
                let name = format!("{parent}/streams/s");
                WriteStream { name, kind: 2 }.encode_to_vec()
            }
            Method::Append => {
                let request = AppendRowsRequest::decode(message).unwrap_or_default();
                if !request.write_stream.is_empty() {
                    self.table = request.write_stream;
                }
                let batch = request.arrow_rows.and_then(|data| data.rows).unwrap_or_default();
                self.state.stage(&self.table, rows_in(&batch.serialized_record_batch));
                AppendRowsResponse {
                    append_result: Some(AppendResult {
                        offset: Some(Int64Value { value: 0 }),
                    }),
                    write_stream: self.table.clone(),
                }
                .encode_to_vec()
            }
            Method::Finalize => FinalizeWriteStreamResponse { row_count: 1 }.encode_to_vec(),
            Method::Commit => BatchCommitWriteStreamsResponse {
                commit_time: Some(Timestamp { seconds: 1 }),
            }
            .encode_to_vec(),
            Method::Unknown => Vec::new(),
        }
    }
}

/// A whole message from the beginning of `received`: a flag, its length in four bytes, itself.
fn take_message(received: &mut Vec<u8>) -> Option<Vec<u8>> {
    let length = received.get(1..5)?;
    let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize;
    if received.len() < 5 + length {
        return None;
    }
    let rest = received.split_off(5 + length);
    let mut message = std::mem::replace(received, rest);
    message.drain(..5);
    Some(message)
}

fn framed(message: &[u8]) -> Bytes {
    let mut frame = vec![0];
    frame.extend((message.len() as u32).to_be_bytes());
    frame.extend(message);
    frame.into()
}

/// Rows of an Arrow batch in the form of IPC streams: a mark of eight bytes, then the message that counts them.
fn rows_in(batch: &[u8]) -> u64 {
    let message = batch.get(8..).and_then(|bytes| root_as_message(bytes).ok());
    let header = message.and_then(|message| message.header_as_record_batch());
    header.map_or(0, |header| header.length().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_in_pieces() {
        let mut received = framed(b"first").to_vec();
        received.extend(&framed(b"second")[..7]);
        assert_eq!(take_message(&mut received).as_deref(), Some(&b"first"[..]));
        assert_eq!(take_message(&mut received), None);
        received.extend(&framed(b"second")[7..]);
        assert_eq!(take_message(&mut received).as_deref(), Some(&b"second"[..]));
        assert!(received.is_empty());
    }
}
