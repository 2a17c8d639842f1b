//! Short lines for people: `12:03:04.567 INFO  synced rows=12`.

use std::fmt::Write;

use serde_json::Value;
use time::OffsetDateTime;
use time::macros::format_description;
use tracing::Level;

use super::fields::Line;

pub(super) struct Text {
    pub(super) colour: bool,
}

/// What every request's span has: a person reading one terminal needs none of it on each line.
const QUIET: [&str; 5] = ["trace_id", "span_id", "trace_sampled", "method", "path"];

impl Text {
    pub(super) fn render(&self, line: &Line<'_>) -> String {
        let time = OffsetDateTime::now_utc()
            .format(format_description!("[hour]:[minute]:[second].[subsecond digits:3]"))
            .unwrap_or_default();
        let (level, colour) = match line.level {
            Level::ERROR => ("ERROR", "31"),
            Level::WARN => ("WARN ", "33"),
            Level::INFO => ("INFO ", "32"),
            Level::DEBUG => ("DEBUG", "34"),
            Level::TRACE => ("TRACE", "35"),
        };
        let (on, dim, off) = if self.colour {
            (format!("\x1b[{colour}m"), "\x1b[2m", "\x1b[0m")
        } else {
            (String::new(), "", "")
        };
        // A line break inside a message is indented, so that a line that begins with a time is
        // always the beginning of an event; other control characters could move the cursor.
        let message = printable(&line.message).replace('\n', "\n             ");
        let mut out = format!("{dim}{time}{off} {on}{level}{off} {message}");
        for (name, value) in line.span.iter().chain(&line.fields) {
            if QUIET.contains(&name.as_str()) || name.starts_with("http.") {
                continue;
            }
            let value = match value {
                Value::String(text) if plain(text) => text.clone(),
                other => other.to_string(),
            };
            // Writing to a String can't fail.
            let _ = write!(out, " {dim}{name}={off}{value}");
        }
        out
    }
}

fn plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| !c.is_whitespace() && !c.is_control() && c != '"')
}

fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_is_short_and_whole() {
        let Value::Object(fields) = json!({"rows": 3, "who": "a b", "http.status": 200, "path": "/"}) else {
            unreachable!()
        };
        let line = Line {
            level: Level::INFO,
            target: "t",
            message: "one\n\u{1b}[2Jtwo".into(),
            fields,
            span: serde_json::Map::new(),
        };
        let rendered = Text { colour: false }.render(&line);
        assert_eq!(&rendered[12..], " INFO  one\n             [2Jtwo rows=3 who=\"a b\"");
    }
}
