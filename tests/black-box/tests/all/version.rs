//! One version, wherever it is told.

use std::process::Command;

use black_box::World;
use local_stack::{binary, http, root};

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect(path)
}

/// What follows `before` in the first line that begins with it, up to `end`.
fn value<'a>(text: &'a str, before: &str, end: char) -> &'a str {
    let rest = text.lines().find_map(|line| line.strip_prefix(before));
    let rest = rest.unwrap_or_else(|| panic!("no line begins with {before}"));
    rest.split(end).next().unwrap_or(rest)
}

#[test]
fn the_version_is_the_same_everywhere() {
    let workspace = read("Cargo.toml");
    let version = value(&workspace, "version = \"", '"');
    assert!(version >= "1.0.0", "{version}");
    let changelog = read("CHANGELOG.md");
    let mut releases = changelog.lines().filter_map(|line| line.strip_prefix("## "));
    assert_eq!(releases.next(), Some("Unreleased"));
    let newest = releases.next().expect("a release");
    let (newest, date) = newest.split_once(" (").expect("a date");
    assert_eq!(newest, version);
    assert_eq!(
        date.trim_end_matches(')').split('-').map(str::len).collect::<Vec<_>>(),
        [4, 2, 2],
        "{date}"
    );
    let label = format!("LABEL org.opencontainers.image.version=\"{version}\"");
    assert_eq!(read("functions/Dockerfile").matches(&label).count(), 2, "{label}");
    for name in ["gitlab-connector", "dbt-trigger"] {
        let output = Command::new(binary(name)).arg("--version").output().expect("it runs");
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim(),
            format!("{name} {version}")
        );
        let manifest = read(&format!("functions/{name}/Cargo.toml"));
        assert!(manifest.contains("version.workspace = true"), "{name}");
    }
    let world = World::new("version", &[]);
    let (connector, trigger) = (world.connector(&[]), world.trigger(&root().join("models"), false));
    for url in [&connector.url, &trigger.url] {
        let (status, told) = http::get(url).expect("an answer");
        assert_eq!((status, told["version"].as_str()), (200, Some(version)), "{told}");
    }
}
