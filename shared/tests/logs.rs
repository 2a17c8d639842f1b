//! docs/logs.md against the code that writes the lines, and infra/metrics.tf against docs/logs.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// Between the quotes after each `mark`.
fn quoted<'a>(text: &'a str, mark: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(mark).skip(1).filter_map(|rest| rest.split('"').next())
}

/// Events with the files that write them. What stands behind a file's unit tests does not count.
fn written() -> BTreeMap<String, String> {
    let mut files = Vec::new();
    for folder in [
        "shared/src",
        "functions/gitlab-connector/src",
        "functions/dbt-trigger/src",
    ] {
        sources(&root().join(folder), &mut files);
    }
    let mut events = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(file).expect("text");
        let product = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for event in quoted(product, "event = \"") {
            events.insert(event.to_owned(), product.to_owned());
        }
    }
    events
}

/// Events with their fields.
fn documented() -> BTreeMap<String, Vec<String>> {
    let text = fs::read_to_string(root().join("docs/logs.md")).expect("docs/logs.md");
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        let named = |cell: &str| {
            cell.split('`')
                .skip(1)
                .step_by(2)
                .map(ToOwned::to_owned)
                .collect::<Vec<_>>()
        };
        (named(cells[1]).concat(), named(cells[4]))
    })
    .collect()
}

fn snake(camel: &str) -> String {
    let mut snake = String::new();
    for c in camel.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[test]
fn every_event_is_documented_with_fields_that_it_has() {
    let (written, documented) = (written(), documented());
    let names = |events: BTreeSet<&String>| events.into_iter().cloned().collect::<Vec<_>>();
    assert_eq!(names(written.keys().collect()), names(documented.keys().collect()));
    for (event, fields) in documented {
        let code = &written[&event];
        for field in fields {
            let name = snake(&field);
            let found = [
                format!("{name} ="),
                format!("{name},"),
                format!("{name}."),
                format!("%{name}"),
            ];
            assert!(
                found.iter().any(|form| code.contains(form.as_str())),
                "{event} has no field {field}"
            );
        }
    }
}

#[test]
fn metrics_count_documented_events_and_read_their_fields() {
    let documented = documented();
    let text = fs::read_to_string(root().join("infra/metrics.tf")).expect("infra/metrics.tf");
    let mut counted = BTreeMap::new();
    for line in text.lines().filter(|line| line.contains("jsonPayload.event=")) {
        let name = line.split_whitespace().next().unwrap_or_default();
        let event = line
            .split("jsonPayload.event=\\\"")
            .nth(1)
            .and_then(|rest| rest.split('\\').next());
        counted.insert(name, event.unwrap_or_default());
    }
    assert!(counted.len() >= 8, "{counted:?}");
    assert!(!text.contains("=~"), "no expression over a message");
    for (name, event) in &counted {
        assert!(documented.contains_key(*event), "{name} counts {event}");
    }
    for metric in text.lines().filter(|line| line.contains("field = \"")) {
        let line = quoted(metric, "line = \"").next().unwrap_or_default();
        let field = quoted(metric, "field = \"").next().unwrap_or_default();
        let fields = &documented[counted[line]];
        assert!(fields.iter().any(|known| known == field), "{line} has no field {field}");
    }
}
