//! A request as it came in, and the reply before it is sent.

use std::collections::HashMap;
use std::io;

use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::payload::Payload;
use super::wire::Breaker;

/// A larger body is none that a client of GitLab's API sends.
const MAX_BODY: usize = 16 << 20;

pub struct Call {
    pub method: Method,
    pub path: String,
    /// The arguments of the address as they came.
    pub raw_query: String,
    /// Arguments of the address, percent-decoded; of several with one name the last one.
    pub query: HashMap<String, String>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Call {
    pub async fn read(request: Request<Incoming>) -> io::Result<Self> {
        let (head, body) = request.into_parts();
        let body = Limited::new(body, MAX_BODY)
            .collect()
            .await
            .map_err(io::Error::other)?
            .to_bytes();
        let raw_query = head.uri.query().unwrap_or_default().to_owned();
        let pairs = raw_query.split('&');
        Ok(Self {
            method: head.method,
            path: head.uri.path().to_owned(),
            query: pairs
                .filter_map(|pair| pair.split_once('='))
                .map(|(name, value)| (decoded(name), decoded(value)))
                .collect(),
            raw_query,
            headers: head.headers,
            body,
        })
    }

    /// The token in either of the headers that GitLab takes.
    pub fn token(&self) -> Option<&str> {
        let bearer = self
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        bearer.or_else(|| self.headers.get("private-token")?.to_str().ok())
    }
}

/// What to send, and how badly.
pub struct Reply {
    pub status: u16,
    pub content_type: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
    pub bytes_per_second: Option<u64>,
    pub end: End,
}

/// How the reply ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Whole,
    /// Half of the body, then the connection breaks.
    Half,
    /// A TCP reset instead of a reply.
    Reset,
}

impl Reply {
    pub fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type,
            headers: Vec::new(),
            body: body.into(),
            bytes_per_second: None,
            end: End::Whole,
        }
    }

    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json; charset=utf-8", body.to_string())
    }

    /// An error in the form of GitLab's GraphQL endpoint.
    pub fn graphql_error(status: u16, message: &str) -> Self {
        Self::json(status, &json!({"errors": [{"message": message}]}))
    }

    /// Bytes of the body that the client gets to see.
    pub fn sent(&self) -> u64 {
        let length = self.body.len() as u64;
        match self.end {
            End::Whole => length,
            End::Half => length / 2,
            End::Reset => 0,
        }
    }

    /// An error here ends the connection.
    pub fn send(self, breaker: &Breaker) -> io::Result<Response<Payload>> {
        if self.end == End::Reset {
            breaker.trip();
            return Err(io::Error::other("a fault that was asked for"));
        }
        let mut payload = Payload::new(self.body, self.bytes_per_second);
        if self.end == End::Half {
            payload = payload.half();
        }
        let mut response = Response::new(payload);
        *response.status_mut() = StatusCode::from_u16(self.status).map_err(io::Error::other)?;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        for (name, value) in self.headers {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::try_from(value).map_err(io::Error::other)?,
            );
        }
        Ok(response)
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        let hex = rest.as_slice().get(..2).filter(|_| byte == b'%');
        let code = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(match (code, byte) {
            (Some(code), _) => {
                rest.nth(1);
                code
            }
            (None, b'+') => b' ',
            (None, byte) => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn decodes_addresses() {
        assert_eq!(decoded("acme%2Fweb+shop"), "acme/web shop");
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%e5%90%8e%zz"), "后%zz");
    }
}
