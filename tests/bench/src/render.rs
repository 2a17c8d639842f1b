//! Documents from results: nothing in them is typed by hand.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use local_stack::{Failed, root};
use serde_json::Value;

use crate::machine;
use crate::measure::{ALL, Measurement};
use crate::page::{Page, Table};
use crate::results::Results;
use crate::svg;

/// A machine that is busier than that, in per cent, before a measurement begins is not left alone.
const DISTURBED: f64 = 20.0;

/// Writes `docs/bench.md` and its pictures.
///
/// # Errors
/// If a file can't be written.
pub fn documents(results: &Results) -> Result<(), Failed> {
    let docs = root().join("docs");
    write(&docs.join("bench.md"), &whole(results, Some(&docs.join("bench")))?)
}

/// All measurements as Markdown; pictures go into `pictures`.
///
/// # Errors
/// If a picture can't be written.
pub fn whole(results: &Results, pictures: Option<&Path>) -> Result<String, Failed> {
    let mut text = String::from(
        "# Measured\n\n`scripts/bench` writes this page and its pictures from [`bench/results.json`](bench/results.json), which it \
         fills; `scripts/bench --help` tells how. Figures of one measurement come from one run on one machine, so their ratios \
         hold where the figures themselves do not.\n",
    );
    let _ = writeln!(text, "\n## In short\n\n{}", summary(results));
    for (measurement, result) in taken(results) {
        let page = (measurement.page)(&result["figures"]);
        let _ = writeln!(text, "\n## {}\n\n{}\n", measurement.title, page.intro);
        for table in &page.tables {
            let _ = writeln!(text, "{}", table.markdown());
        }
        for chart in &page.charts {
            let _ = writeln!(text, "![{}](bench/{}.svg)\n", chart.title, chart.file);
            if let Some(folder) = pictures {
                write(
                    &folder.join(format!("{}.svg", chart.file)),
                    &svg::draw(chart, &caption(result)),
                )?;
            }
        }
        for note in &page.notes {
            let _ = writeln!(text, "- {note}");
        }
        let _ = writeln!(
            text,
            "{}*{}; {} s.*",
            if page.notes.is_empty() { "" } else { "\n" },
            caption(result),
            result["took_s"]
        );
    }
    Ok(text)
}

/// One measurement for a terminal.
pub fn terminal(measurement: &Measurement, result: &Value) -> String {
    let page: Page = (measurement.page)(&result["figures"]);
    let mut text = format!("\n{}\n", measurement.title);
    for table in &page.tables {
        text.push_str(&table.markdown());
    }
    for note in &page.notes {
        let _ = writeln!(text, "- {note}");
    }
    text
}

fn taken(results: &Results) -> impl Iterator<Item = (&'static Measurement, &Value)> {
    ALL.iter()
        .filter_map(|measurement| Some((measurement, results.get(measurement.name)?)))
}

/// When and where.
fn caption(result: &Value) -> String {
    let busy = result["machine"]["busy_per_cent"].as_f64().unwrap_or_default();
    let busy = if busy > DISTURBED {
        format!(", shared with other work ({busy:.0} % busy before it began)")
    } else {
        String::new()
    };
    format!(
        "{}, {}{busy}",
        result["date"].as_str().unwrap_or_default(),
        machine::in_words(&result["machine"])
    )
}

fn summary(results: &Results) -> String {
    let mut rows = Vec::new();
    let mut captions = Vec::new();
    for (measurement, result) in taken(results) {
        let page = (measurement.page)(&result["figures"]);
        rows.extend(page.summary.into_iter().map(Vec::from));
        captions.push(caption(result));
    }
    captions.sort_unstable();
    captions.dedup();
    let table = Table {
        title: String::new(),
        columns: vec!["what", "here", "beside it"],
        rows,
    };
    // Texts and no numbers stand in these columns.
    let markdown = table
        .markdown()
        .replacen("| --- | ---: | ---: |", "| --- | --- | --- |", 1);
    format!("{markdown}\n{}.\n", captions.join("; "))
}

fn write(path: &Path, text: &str) -> Result<(), Failed> {
    fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}
