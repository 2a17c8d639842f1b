//! What a measurement shows: tables, pictures and words, made from its figures.

use std::fmt::Write as _;

/// One measurement for people.
#[derive(Debug, Default)]
pub struct Page {
    /// What was done, in a paragraph.
    pub intro: String,
    /// Its tables.
    pub tables: Vec<Table>,
    /// Its pictures.
    pub charts: Vec<Chart>,
    /// Sentences that must be read with the figures.
    pub notes: Vec<String>,
    /// Rows for the short table at the top of the page: what, figure, beside it.
    pub summary: Vec<[String; 3]>,
}

/// A table.
#[derive(Debug, Default)]
pub struct Table {
    /// What stands above it.
    pub title: String,
    /// Heads of columns; all but the first are aligned to the right.
    pub columns: Vec<&'static str>,
    /// Cells.
    pub rows: Vec<Vec<String>>,
}

/// A picture of bars.
#[derive(Debug)]
pub struct Chart {
    /// The file's name without its ending.
    pub file: String,
    /// What stands above it.
    pub title: String,
    /// Behind each number.
    pub unit: &'static str,
    /// Whether each step of length is a factor of ten.
    pub logarithmic: bool,
    /// The bars.
    pub bars: Vec<Bar>,
}

/// A bar.
#[derive(Debug)]
pub struct Bar {
    /// What it stands for.
    pub label: String,
    /// How much.
    pub value: f64,
    /// Whether it is one of ours.
    pub ours: bool,
}

impl Table {
    /// The table in Markdown.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        if !self.title.is_empty() {
            let _ = writeln!(text, "**{}**\n", self.title);
        }
        let _ = writeln!(text, "| {} |", self.columns.join(" | "));
        let lines: Vec<&str> = (0..self.columns.len())
            .map(|index| if index == 0 { "---" } else { "---:" })
            .collect();
        let _ = writeln!(text, "| {} |", lines.join(" | "));
        for row in &self.rows {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
        text
    }
}

/// A number with as many digits as tell something.
pub fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 10_000.0 => thousands(value.round()),
        large if large >= 100.0 => format!("{value:.0}"),
        large if large >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A whole number with commas between thousands.
pub fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

/// Seconds, with their unit: milliseconds below one.
pub fn seconds(value: f64) -> String {
    match value {
        small if small < 0.01 => format!("{:.1} ms", small * 1000.0),
        small if small < 1.0 => format!("{:.0} ms", small * 1000.0),
        _ => format!("{} s", number(value)),
    }
}

/// How many times one number is another.
pub fn times(value: f64, of: f64) -> String {
    if of > 0.0 {
        format!("{} ×", number(value / of))
    } else {
        "—".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_for_people() {
        assert_eq!(number(1_234_567.8), "1,234,568");
        assert_eq!(number(123.4), "123");
        assert_eq!(number(1.234), "1.23");
        assert_eq!(thousands(-1000.0), "-1,000");
        assert_eq!(
            (seconds(0.0042), seconds(0.5), seconds(75.3)),
            ("4.2 ms".into(), "500 ms".into(), "75.3 s".into())
        );
        assert_eq!((times(10.0, 4.0), times(1.0, 0.0)), ("2.50 ×".into(), "—".into()));
    }

    #[test]
    fn a_table_is_markdown() {
        let table = Table {
            title: "T".into(),
            columns: vec!["a", "b"],
            rows: vec![vec!["x".into(), "1".into()]],
        };
        assert_eq!(table.markdown(), "**T**\n\n| a | b |\n| --- | ---: |\n| x | 1 |\n");
    }
}
