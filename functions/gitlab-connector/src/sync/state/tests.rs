use std::time::Duration;

use serde_json::Value as Json;
use time::macros::datetime;

use super::*;
use crate::sync::pass::{ALL, Pass};

const OVERLAP: Duration = Duration::from_secs(300);

#[test]
fn a_finished_pass_looks_back_from_its_start() {
    let mut progress = ChangesState::default().begin(datetime!(2026-01-01 10:00 UTC));
    (progress.last_project, progress.listed) = (Some(7), true);
    let next = PassState::Issues(ChangesState::default().advanced(progress.clone(), OVERLAP));
    assert_eq!(
        next.to_cursor(),
        r#"{"issues":{"complete_until":"2026-01-01T09:55:00Z"}}"#
    );
    let later = ChangesState {
        complete_until: Some(datetime!(2026-01-02 0:00 UTC)),
        ..ChangesState::default()
    };
    assert_eq!(later.advanced(progress, OVERLAP).complete_until, later.complete_until);
}

#[test]
fn an_unfinished_pass_survives_its_cursor() {
    let mut progress = ProjectsState::default().begin(datetime!(2026-01-01 10:00 UTC));
    progress.listed = true;
    progress.pending.push(PendingPipelines {
        after: Some("c".into()),
        ..PendingPipelines::of_path("a/b", true)
    });
    let state = PassState::Projects(ProjectsState::default().advanced(progress, OVERLAP));
    assert!(state.is_under_way());
    assert_eq!(PassState::read(Pass::Projects, Some(&state.to_cursor())), state);
}

#[test]
fn what_is_no_cursor_of_a_pass_counts_as_none() {
    let of_issues = PassState::complete(Pass::Issues, datetime!(2026-01-01 10:00 UTC)).to_cursor();
    for text in ["not JSON", "", "[]", &of_issues] {
        assert_eq!(
            PassState::read(Pass::MergeRequests, Some(text)),
            PassState::new(Pass::MergeRequests),
            "{text}"
        );
    }
}

#[test]
fn what_failed_twice_is_still_read_from_its_first_failure_on() {
    let (first, second) = (datetime!(2026-01-01 10:00 UTC), datetime!(2026-01-01 11:00 UTC));
    let pending = PendingPipelines {
        after: Some("c".into()),
        ..PendingPipelines::of_path("a/b", false)
    };
    let again = pending.again(Some(first)).again(Some(second));
    assert_eq!((again.since, again.after, again.all), (Some(first), None, false));
}

#[test]
fn what_failed_is_tried_in_the_next_pass() {
    let mut progress = ProjectsState::default().begin(datetime!(2026-01-01 10:00 UTC));
    progress.listed = true;
    progress.failed.push(PendingPipelines::of_path("a/b", false));
    let state = ProjectsState::default().advanced(progress, Duration::ZERO);
    assert_eq!(state.begin(datetime!(2026-01-01 11:00 UTC)).pending.len(), 1);
}

/// Cursors that version 0.1 wrote in syncs of the simulated GitLab: the name of the pass's cursor, and the text.
const WRITTEN_BY_0_1: &str = include_str!("cursors-0.1.tsv");

fn old_cursors() -> impl Iterator<Item = (Pass, &'static str)> {
    WRITTEN_BY_0_1.lines().map(|line| {
        let (name, cursor) = line.split_once('\t').expect("a tab");
        let pass = ALL.into_iter().find(|pass| pass.stream() == name);
        (pass.expect("a pass"), cursor)
    })
}

#[test]
fn a_cursor_of_version_0_1_is_read_and_loses_nothing() {
    let mut passes = Vec::new();
    for (pass, cursor) in old_cursors() {
        let old: Json = serde_json::from_str(cursor).expect("JSON");
        let state = PassState::read(pass, Some(cursor));
        let now = state.to_cursor();
        assert_eq!(state.is_under_way(), old["pass"].is_object(), "{cursor} became {now}");
        for value in leaves(&old) {
            assert!(now.contains(&value), "{value} of {cursor} is not in {now}");
        }
        assert_eq!(PassState::read(pass, Some(&now)), state, "{now}");
        passes.push(pass);
    }
    assert!(ALL.into_iter().all(|pass| passes.contains(&pass)));
}

/// Every text and number in it; what belongs to a list of the REST API was a stream, a bar and an address.
fn leaves(json: &Json) -> Vec<String> {
    match json {
        Json::Object(fields) => fields.values().flat_map(leaves).collect(),
        Json::Array(items) => items.iter().flat_map(leaves).collect(),
        Json::String(text) => text.split('|').map(ToOwned::to_owned).collect(),
        Json::Number(number) => vec![number.to_string()],
        Json::Null | Json::Bool(_) => Vec::new(),
    }
}

#[test]
fn a_pass_that_version_0_1_began_goes_on_where_it_was() {
    fn read(pass: Pass, cursor: &str) -> PassState {
        PassState::read(pass, Some(cursor))
    }
    let cursor = r#"{"updated_after":"2026-01-01T09:55:00Z","later":[{"path":"","of":[7,7],"since":"2026-01-01T09:00:00Z"}],"pass":{"started_at":"2026-01-01T10:00:00Z","after":"301","lanes":[{"project":301,"after":"x"}]}}"#;
    let PassState::Issues(state) = read(Pass::Issues, cursor) else {
        unreachable!("of issues")
    };
    assert_eq!(state.retry_next_sync[0].project, 7);
    let progress = state.progress.expect("it is under way");
    assert_eq!(
        (progress.last_project, progress.slices[0].project),
        (Some(301), Some(301))
    );
    let cursor = r#"{"pass":{"started_at":"2026-01-01T10:00:00Z","after":"301","whole":true,"part":"jobs","failed":[{"path":"jobs|projects/301/jobs","after":"x","of":[301,301],"all":true}]}}"#;
    let PassState::RestStreams(state) = read(Pass::RestStreams, cursor) else {
        unreachable!("of REST streams")
    };
    let progress = state.progress.expect("it is under way");
    assert_eq!(
        (progress.stream.as_deref(), progress.last_owner),
        (Some("jobs"), Some(301))
    );
    let failed = &progress.failed[0];
    assert_eq!(
        (failed.stream.as_str(), failed.path.as_str(), failed.parent),
        ("jobs", "projects/301/jobs", 301)
    );
    assert!(progress.all_owners && failed.all);
    for (part, expected) in [
        ("projects", ReconcilePart::Projects),
        ("issues", ReconcilePart::Issues(IdsProgress::default())),
        ("pipelines", ReconcilePart::Pipelines(Vec::new())),
    ] {
        let cursor = format!(r#"{{"pass":{{"started_at":"2026-01-01T10:00:00Z","part":"{part}"}}}}"#);
        let PassState::Reconcile(state) = read(Pass::Reconcile, &cursor) else {
            unreachable!("of the reconciliation")
        };
        assert_eq!(state.progress.expect("it is under way").part, expected);
    }
}
