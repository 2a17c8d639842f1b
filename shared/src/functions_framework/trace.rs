//! Which trace a request belongs to.

use axum::http::HeaderMap;
use uuid::Uuid;

/// A request's place in a distributed trace; in the extensions of every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits: the caller's span, which ours are children of. `None` if the trace
    /// began here.
    pub parent_span_id: Option<String>,
    /// Whether the caller records this trace.
    pub sampled: bool,
}

impl TraceContext {
    /// From `traceparent` (W3C), else from `X-Cloud-Trace-Context` (Google's older header), else a
    /// new trace, so that one request's log lines can always be found together.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        text("traceparent")
            .and_then(from_traceparent)
            .or_else(|| text("x-cloud-trace-context").and_then(from_cloud_trace))
            .unwrap_or_else(Self::new_trace)
    }

    /// A trace that begins here.
    #[must_use]
    pub fn new_trace() -> Self {
        Self {
            trace_id: Uuid::new_v4().simple().to_string(),
            parent_span_id: None,
            sampled: false,
        }
    }

    /// The `traceparent` header for a request that this one causes.
    #[must_use]
    pub fn traceparent(&self) -> String {
        let span = match &self.parent_span_id {
            Some(span) => span.clone(),
            None => Uuid::new_v4().simple().to_string()[..16].to_owned(),
        };
        format!("00-{}-{span}-{:02x}", self.trace_id, u8::from(self.sampled))
    }
}

/// `00-<32 hex>-<16 hex>-<2 hex>`, see <https://www.w3.org/TR/trace-context/>.
fn from_traceparent(header: &str) -> Option<TraceContext> {
    let mut parts = header.trim().split('-');
    let version = parts.next()?;
    let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
    let known = is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
    (known && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2)).then_some(())?;
    Some(TraceContext {
        trace_id: not_zero(trace)?.to_lowercase(),
        parent_span_id: Some(not_zero(span)?.to_lowercase()),
        sampled: u8::from_str_radix(flags, 16).ok()? & 1 == 1,
    })
}

/// `<32 hex>/<decimal span>;o=<0|1>`, see <https://cloud.google.com/trace/docs/trace-context>.
fn from_cloud_trace(header: &str) -> Option<TraceContext> {
    let (trace, rest) = header.trim().split_once('/').unwrap_or((header.trim(), ""));
    let (span, options) = rest.split_once(';').unwrap_or((rest, ""));
    is_hex(trace, 32).then_some(())?;
    let span: Option<u64> = span.parse().ok().filter(|span| *span != 0);
    Some(TraceContext {
        trace_id: not_zero(trace)?.to_lowercase(),
        parent_span_id: span.map(|span| format!("{span:016x}")),
        sampled: options.contains("o=1"),
    })
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn not_zero(id: &str) -> Option<&str> {
    id.bytes().any(|b| b != b'0').then_some(id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(
            axum::http::HeaderName::from_static(name),
            value.parse().expect("a header value"),
        )])
    }

    #[test]
    fn both_headers_are_read() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let w3c = TraceContext::from_headers(&headers("traceparent", &format!("00-{id}-00f067aa0ba902b7-01")));
        assert_eq!((w3c.trace_id.as_str(), w3c.sampled), (id, true));
        assert_eq!(w3c.traceparent(), format!("00-{id}-00f067aa0ba902b7-01"));
        let google = TraceContext::from_headers(&headers("x-cloud-trace-context", &format!("{id}/10;o=1")));
        assert_eq!(google.parent_span_id.as_deref(), Some("000000000000000a"));
        assert_eq!(google.trace_id, id);
    }

    #[test]
    fn broken_headers_begin_a_new_trace() {
        for value in [
            "",
            "00-zz-1-1",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        ] {
            let trace = TraceContext::from_headers(&headers("traceparent", value));
            assert!(trace.parent_span_id.is_none(), "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_header_gives_a_valid_trace(value in "[ -~]{0,80}") {
            for name in ["traceparent", "x-cloud-trace-context"] {
                let trace = TraceContext::from_headers(&headers(name, &value));
                prop_assert!(from_traceparent(&trace.traceparent()).is_some());
            }
        }
    }
}
