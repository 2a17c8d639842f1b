//! Short lines for people: `12:03:04.567  INFO synced rows=12`.

use std::fmt::{self, Write};

use time::OffsetDateTime;
use time::macros::format_description;
use tracing::field::Field;
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::{FieldFn, Writer, debug_fn};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{self as lines, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use super::escape::is_deceptive;

/// What every request has: a person reading one terminal needs none of it on each line.
const QUIET: [&str; 5] = ["trace_id", "span_id", "trace_sampled", "method", "path"];

/// Under the beginning of a message.
const INDENT: &str = "\n                   ";

/// Lines of `tracing_subscriber::fmt` in which nothing that is logged can steer the terminal.
pub(super) fn layer<S, W>(colour: bool, writer: W) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    lines::layer()
        .compact()
        .with_target(false)
        .with_ansi(colour)
        .with_timer(Clock)
        .fmt_fields(fields())
        .with_writer(writer)
}

struct Clock;

impl FormatTime for Clock {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let format = format_description!("[hour]:[minute]:[second].[subsecond digits:3]");
        let now = OffsetDateTime::now_utc().format(format).unwrap_or_default();
        writer.write_str(&now)
    }
}

fn fields() -> FieldFn<impl Fn(&mut Writer<'_>, &Field, &dyn fmt::Debug) -> fmt::Result + Clone> {
    debug_fn(|writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug| {
        match field.name() {
            "message" => return write!(Escaping(writer), "{value:?}"),
            name if QUIET.contains(&name) || name.starts_with("http_request.") => return Ok(()),
            name if writer.has_ansi_escapes() => write!(writer, " \x1b[2m{name}=\x1b[0m")?,
            name => write!(writer, " {name}=")?,
        }
        write!(Escaping(writer), "{value:?}")
    })
}

/// Writes deceptive characters out. A line break is indented, so that a line that begins with a time is always the
/// beginning of an event.
struct Escaping<'a, 'w>(&'a mut Writer<'w>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| match c {
            '\n' => self.0.write_str(INDENT),
            '\t' => self.0.write_char(c),
            c if is_deceptive(c) => write!(self.0, "{}", c.escape_unicode()),
            c => self.0.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::telemetry::testing::Written;

    fn line(colour: bool, log: impl FnOnce()) -> String {
        let written = Written::default();
        let subscriber = tracing_subscriber::registry().with(layer(colour, written.clone()));
        tracing::subscriber::with_default(subscriber, log);
        written.text()
    }

    #[test]
    fn a_line_is_short_and_whole() {
        let line = line(false, || {
            let _request = tracing::info_span!("request", method = "POST", path = "/", trace_id = "abc").entered();
            tracing::info!(rows = 3, who = "a b", http_request.status = 200, "one\ntwo");
        });
        assert_eq!(
            &line[12..],
            "  INFO request: one\n                   two rows=3 who=\"a b\"\n"
        );
    }

    #[test]
    fn nothing_that_is_logged_steers_the_terminal() {
        let evil = "\u{1b}[2J\u{7}\u{9b}31m\r\u{202e}\u{2066}\u{2028}x";
        for colour in [false, true] {
            let line = line(colour, || {
                let text = evil;
                tracing::warn!(text, shown = %evil, debug = ?evil, "{evil}");
            });
            let ours = ["\u{1b}[2m", "\u{1b}[33m", "\u{1b}[0m", "\u{1b}[1m"];
            let rest = ours.iter().fold(line.clone(), |line, code| line.replace(code, ""));
            assert_eq!(colour, rest != line);
            let rest = rest.strip_suffix('\n').expect("a line");
            assert!(!rest.chars().any(is_deceptive), "{rest:?}");
            assert_eq!(rest.matches("[2J").count(), 4, "{rest}");
        }
    }
}
