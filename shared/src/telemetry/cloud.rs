//! Cloud Logging's JSON (<https://cloud.google.com/logging/docs/structured-logging>), as `tracing-stackdriver` makes it:
//! fields in camel case, `http_request.…` as `httpRequest`, the request's method and path below `span`.
//!
//! That crate takes traces from OpenTelemetry alone, and knows no fields that stand on every line. Both are added here
//! to each finished line.

use std::io::{self, Write};

use serde_json::{Map, Value};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::registry::LookupSpan;

use super::escape::is_deceptive;

/// A layer that writes one entry for each event to `writer`.
///
/// `project` is the Google Cloud project that traces belong to; without it Cloud Logging can't link them.
pub(super) fn layer<S, W>(service: &'static str, project: Option<String>, writer: W) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    tracing_stackdriver::layer()
        .with_source_location(false)
        .with_writer(Completing {
            service,
            project,
            writer,
        })
}

/// Completes each line before it goes to `writer`.
struct Completing<W> {
    service: &'static str,
    project: Option<String>,
    writer: W,
}

struct CloudLine<'a, W> {
    completing: &'a Completing<W>,
}

impl<'a, W: for<'w> MakeWriter<'w> + 'static> MakeWriter<'a> for Completing<W> {
    type Writer = CloudLine<'a, W>;

    fn make_writer(&'a self) -> Self::Writer {
        CloudLine { completing: self }
    }
}

impl<W: for<'w> MakeWriter<'w>> Write for CloudLine<'_, W> {
    /// `line` is a whole one: `tracing_subscriber` writes each event at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut writer = self.completing.writer.make_writer();
        match serde_json::from_slice(line) {
            Ok(Value::Object(entry)) => writer.write_all(self.completing.complete(entry).as_bytes())?,
            _ => writer.write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W> Completing<W> {
    fn complete(&self, mut entry: Map<String, Value>) -> String {
        entry.insert("service".into(), self.service.into());
        // The spans around the event, outermost first; `span` is the innermost one.
        if let Some(Value::Array(spans)) = entry.remove("spans") {
            for span in &spans {
                self.add_trace(&mut entry, span);
            }
            if spans.len() > 1 {
                entry.insert("spans".into(), spans.into_iter().map(without_trace).collect());
            }
        }
        if let Some(span) = entry.remove("span") {
            entry.insert("span".into(), without_trace(span));
        }
        // The same JSON, but harmless on a terminal too.
        let mut line = String::new();
        for c in Value::Object(entry).to_string().chars() {
            if is_deceptive(c) {
                // All of them are below 0x10000.
                line.push_str(&format!("\\u{:04x}", u32::from(c)));
            } else {
                line.push(c);
            }
        }
        line.push('\n');
        line
    }

    /// A request's span has the fields of its `TraceContext`.
    fn add_trace(&self, entry: &mut Map<String, Value>, span: &Value) {
        if let Some(id) = span["trace_id"].as_str() {
            let trace = match &self.project {
                Some(project) => format!("projects/{project}/traces/{id}"),
                None => id.to_owned(),
            };
            entry.insert("logging.googleapis.com/trace".into(), trace.into());
        }
        for (field, name) in [
            ("span_id", "logging.googleapis.com/spanId"),
            ("trace_sampled", "logging.googleapis.com/trace_sampled"),
        ] {
            if let Some(value) = span.get(field) {
                entry.insert(name.into(), value.clone());
            }
        }
    }
}

fn without_trace(mut span: Value) -> Value {
    if let Some(fields) = span.as_object_mut() {
        fields.retain(|name, _| !matches!(name.as_str(), "trace_id" | "span_id" | "trace_sampled"));
    }
    span
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::telemetry::testing::Written;

    fn entry(log: impl FnOnce()) -> Value {
        let written = Written::default();
        let layer = layer("s", Some("p".into()), written.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let text = written.text();
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        let mut entry: Value = serde_json::from_str(&text).expect("JSON");
        entry.as_object_mut().expect("object").remove("time").expect("a time");
        entry
            .as_object_mut()
            .expect("object")
            .remove("target")
            .expect("a target");
        entry
    }

    #[test]
    fn an_event_of_a_request_has_its_trace() {
        let entry = entry(|| {
            let span = tracing::info_span!(
                "request",
                method = "POST",
                path = "/",
                trace_id = "abc",
                trace_sampled = true,
                span_id = tracing::field::Empty
            );
            span.record("span_id", "1");
            let _request = span.entered();
            tracing::warn!(
                event = "e",
                rows_written = 3,
                http_request.request_method = "POST",
                http_request.status = 200,
                "a \"b\"\nc"
            );
        });
        assert_eq!(
            entry,
            json!({"severity": "WARNING", "message": "a \"b\"\nc", "service": "s", "event": "e", "rowsWritten": 3,
                   "logging.googleapis.com/trace": "projects/p/traces/abc", "logging.googleapis.com/spanId": "1",
                   "logging.googleapis.com/trace_sampled": true,
                   "span": {"name": "request", "method": "POST", "path": "/"},
                   "httpRequest": {"requestMethod": "POST", "status": 200}})
        );
    }

    #[test]
    fn an_event_outside_of_a_request_is_whole_too() {
        let entry = entry(|| tracing::error!(code = "x", "no"));
        assert_eq!(
            entry,
            json!({"severity": "ERROR", "message": "no", "service": "s", "code": "x"})
        );
    }

    #[test]
    fn spans_within_a_request_keep_its_fields() {
        let entry = entry(|| {
            let _request = tracing::info_span!("request", path = "/", trace_id = "abc").entered();
            let _inner = tracing::info_span!("sync", scope = "g").entered();
            tracing::info!("x");
        });
        assert_eq!(entry["logging.googleapis.com/trace"], "projects/p/traces/abc");
        assert_eq!(entry["span"], json!({"name": "sync", "scope": "g"}));
        assert_eq!(
            entry["spans"],
            json!([{"name": "request", "path": "/"}, {"name": "sync", "scope": "g"}])
        );
    }

    #[test]
    fn a_line_is_harmless_on_a_terminal_and_the_same_json() {
        let evil = "\u{1b}[2J\u{9b}31m\u{202e}\u{2028}";
        let written = Written::default();
        let layer = layer("s", None, written.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || tracing::info!("{evil}"));
        let text = written.text();
        assert!(!text.trim_end().chars().any(is_deceptive), "{text:?}");
        let entry: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(entry["message"], evil);
    }
}
