//! A restart goes on where the last run ended.

use std::fs;
use std::io::Write;

use gitlab_sim::changes::Kind;
use gitlab_sim::generate::Sizes;
use gitlab_sim::journal::Journal;
use serde_json::{Value, json};

use crate::sim::{Sim, sizes};

const TABLES: [&str; 9] = [
    "projects",
    "users",
    "merge_requests",
    "mr_notes",
    "pipelines",
    "groups",
    "labels",
    "milestones",
    "issues",
];

fn everything(sim: &Sim) -> Vec<Vec<Value>> {
    TABLES.map(|table| sim.rows(table)).into()
}

#[test]
fn a_restart_shows_the_same_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("below/journal.jsonl");
    let sim = Sim::with_journal(&sizes(120), &path);
    let fresh = everything(&sim);
    for kind in Kind::ALL {
        sim.change(&json!({"kind": kind}));
    }
    assert_eq!(sim.try_change(&json!({"kind": "merge", "iid": 99_999})).status, 409);
    let changed = everything(&sim);
    assert_ne!(fresh, changed);
    drop(sim);

    // The sizes in the journal win.
    let other = Sizes { seed: 6, ..sizes(10) };
    let sim = Sim::with_journal(&other, &path);
    assert_eq!(everything(&sim), changed);
    let change = sim.change(&json!({"kind": "comment"}));
    let changed = everything(&sim);
    drop(sim);
    let again = Sim::with_journal(&other, &path);
    assert_eq!(everything(&again), changed, "after {change:#}");
}

#[test]
fn a_line_that_was_cut_off_is_dropped() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.jsonl");
    let sim = Sim::with_journal(&sizes(40), &path);
    sim.change(&json!({"kind": "comment"}));
    let before = everything(&sim);
    drop(sim);
    let mut file = fs::OpenOptions::new().append(true).open(&path).expect("the journal");
    file.write_all(b"{\"at\":17").expect("half a line");
    drop(file);
    let sim = Sim::with_journal(&sizes(40), &path);
    assert_eq!(everything(&sim), before);
    sim.change(&json!({"kind": "close"}));
    let before = everything(&sim);
    drop(sim);
    assert_eq!(everything(&Sim::with_journal(&sizes(40), &path)), before);
}

#[test]
fn a_file_that_is_no_journal_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notes.txt");
    for text in ["buy milk\n", "buy milk"] {
        fs::write(&path, text).expect("a file");
        let problem = Journal::open(&path, &sizes(10)).err().expect("a problem");
        assert!(problem.contains("notes.txt"), "{problem}");
        assert_eq!(fs::read_to_string(&path).expect("the file"), text);
    }
}
