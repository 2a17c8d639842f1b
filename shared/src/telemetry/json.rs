//! Cloud Logging's structured JSON: <https://cloud.google.com/logging/docs/structured-logging>.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::Level;

use super::fields::{Fields, Line};

pub(super) struct Json {
    /// The project that traces belong to; without it Cloud Logging can't link them.
    pub(super) project: Option<String>,
    pub(super) service: &'static str,
}

impl Json {
    pub(super) fn render(&self, line: Line<'_>) -> String {
        let mut entry = Fields::new();
        entry.insert("severity".into(), severity(line.level).into());
        entry.insert(
            "time".into(),
            OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default().into(),
        );
        entry.insert("message".into(), line.message.into());
        entry.insert("service".into(), self.service.into());
        entry.insert("target".into(), line.target.into());
        let mut request = Fields::new();
        // An event's own field wins over one of the same name around it.
        for (name, value) in line.span.into_iter().chain(line.fields) {
            match name.as_str() {
                "trace_id" => {
                    let id = value.as_str().unwrap_or_default();
                    let trace = match &self.project {
                        Some(project) => format!("projects/{project}/traces/{id}"),
                        None => id.to_owned(),
                    };
                    entry.insert("logging.googleapis.com/trace".into(), trace.into());
                }
                "span_id" => {
                    entry.insert("logging.googleapis.com/spanId".into(), value);
                }
                "trace_sampled" => {
                    entry.insert("logging.googleapis.com/trace_sampled".into(), value);
                }
                name if name.starts_with("http.") => add_http(&mut request, &name[5..], value),
                // Fields that Cloud Logging or this function reads from the top level.
                "severity" | "time" | "message" | "service" | "target" => {
                    entry.insert(format!("{name}_"), value);
                }
                _ => {
                    entry.insert(name, value);
                }
            }
        }
        if !request.is_empty() {
            entry.insert("httpRequest".into(), Value::Object(request));
        }
        Value::Object(entry).to_string()
    }
}

/// Cloud Logging's names: <https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#HttpRequest>.
fn add_http(request: &mut Fields, name: &str, value: Value) {
    match name {
        "method" => request.insert("requestMethod".into(), value),
        "path" => request.insert("requestUrl".into(), value),
        "latency" => {
            // A duration there is a text in seconds.
            let seconds = value.as_f64().unwrap_or_default();
            request.insert("latency".into(), json!(format!("{seconds:.6}s")))
        }
        "user_agent" => request.insert("userAgent".into(), value),
        other => request.insert(other.into(), value),
    };
}

fn severity(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        Level::DEBUG | Level::TRACE => "DEBUG",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_what_cloud_logging_reads() {
        let Value::Object(span) = json!({"trace_id": "abc", "span_id": "1"}) else {
            unreachable!()
        };
        let Value::Object(fields) =
            json!({"rows": 3, "severity": "x", "http.method": "POST", "http.status": 200, "http.latency": 0.25})
        else {
            unreachable!()
        };
        let json = Json {
            project: Some("p".into()),
            service: "s",
        };
        let line = Line {
            level: Level::WARN,
            target: "t",
            message: "a \"b\"\nc".into(),
            fields,
            span,
        };
        let rendered = json.render(line);
        assert!(!rendered.contains('\n'));
        let mut entry: Value = serde_json::from_str(&rendered).expect("JSON");
        entry.as_object_mut().expect("object").remove("time").expect("a time");
        assert_eq!(
            entry,
            json!({"severity": "WARNING", "severity_": "x", "message": "a \"b\"\nc", "service": "s", "target": "t", "rows": 3,
                   "logging.googleapis.com/trace": "projects/p/traces/abc", "logging.googleapis.com/spanId": "1",
                   "httpRequest": {"requestMethod": "POST", "status": 200, "latency": "0.250000s"}})
        );
    }
}
