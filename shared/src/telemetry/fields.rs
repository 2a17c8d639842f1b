//! Collects the fields of events and of the spans around them, for the two renderers.

use std::io::Write;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

/// Fields in the order in which they were given.
pub(super) type Fields = Map<String, Value>;

/// One event, ready to be written.
pub(super) struct Line<'a> {
    pub(super) level: tracing::Level,
    pub(super) target: &'a str,
    pub(super) message: String,
    /// The event's own fields.
    pub(super) fields: Fields,
    /// Those of the spans it happened in, outermost first; an inner one replaces an outer one.
    pub(super) span: Fields,
}

pub(super) enum Renderer {
    Json(super::json::Json),
    Text(super::text::Text),
}

/// Writes every event that passes the filter to standard error.
pub(super) struct LogLayer {
    pub(super) renderer: Renderer,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LogLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Collector::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Collector>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut own = Collector::default();
        event.record(&mut own);
        let mut around = Fields::new();
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(tracing_subscriber::registry::Scope::from_root)
        {
            if let Some(fields) = span.extensions().get::<Collector>() {
                around.extend(fields.0.clone());
            }
        }
        let message = match own.0.remove("message") {
            Some(Value::String(message)) => message,
            _ => String::new(),
        };
        let line = Line {
            level: *event.metadata().level(),
            target: event.metadata().target(),
            message,
            fields: own.0,
            span: around,
        };
        let mut rendered = match &self.renderer {
            Renderer::Json(json) => json.render(line),
            Renderer::Text(text) => text.render(&line),
        };
        rendered.push('\n');
        // One write per line keeps lines of several threads apart. If standard error is gone there
        // is nowhere left to say so.
        let _ = std::io::stderr().lock().write_all(rendered.as_bytes());
    }
}

#[derive(Default)]
struct Collector(Fields);

impl Collector {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().into(), value.into());
    }
}

impl Visit for Collector {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
}
