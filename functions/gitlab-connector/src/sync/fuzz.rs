//! Fuzz targets: GitLab's nodes on their way to rows, stored cursors, and what a caller asks of a sync.

use std::time::Duration;

use fuzz::{Shape, Target};
use mergemind_shared::warehouse::{Kind, Row, Value};
use serde_json::{Map, Value as Json};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::streams::{Stream, Streams};
use crate::sync::pass::{ALL, Pass};
use crate::sync::request::Request;
use crate::sync::rows::Rows;
use crate::sync::state::PassState;

/// What the simulated GitLab gives CI variables as their values.
const CANARY: &str = "canary-value-of-a-variable";

#[test]
fn connector_rows() {
    let streams = Streams::new();
    let names: Vec<&'static str> = streams.all().map(Stream::name).collect();
    let mapped: Vec<&'static str> = names.iter().map(|name| &*format!("{name} mapped").leak()).collect();
    Target::new("connector_rows", Shape::Json)
        .words(&names)
        .words(&[
            "id",
            "nodes",
            "_parent",
            "projectId",
            "gid://gitlab/User/7",
            "gid://gitlab/User/x",
            "2026-01-31",
            CANARY,
        ])
        .reaches(&mapped)
        .run(|text| {
            let Ok(sample) = serde_json::from_slice::<Json>(text) else {
                return "no JSON".into();
            };
            let Some(stream) = sample["stream"].as_str().and_then(|name| streams.find(name)) else {
                return "no stream".into();
            };
            let mut rows = Rows::default();
            rows.map(stream, &sample["node"]);
            let parent = sample["node"]["_parent"]["id"].as_i64().unwrap_or_default();
            rows.complete(stream, parent);
            assert_eq!(rows.len(), 1, "a node vanished, or became two");
            for id in rows.user_ids(&streams) {
                assert!(sample.to_string().contains(&id.to_string()), "user {id} is nobody's");
            }
            let (batches, _) = rows.into_batches(&streams);
            let mut told = String::new();
            for batch in batches {
                assert!(
                    !format!("{:?}", batch.rows).contains(CANARY) || moved(&sample),
                    "a secret is stored"
                );
                let Some(row) = batch.rows.first() else { continue };
                if batch.table.name == "_rejected" && !told.is_empty() {
                    for value in &batch.rows {
                        assert_told(value, &sample["node"]);
                    }
                } else if batch.table.name == "_rejected" {
                    told = format!(
                        "{} rejected: {}",
                        stream.name(),
                        assert_kept(stream, row, &sample["node"])
                    );
                } else {
                    assert_fits(stream, row);
                    assert!(batch.table.key_of(row).is_some(), "a row without a key");
                    told = format!("{} mapped", stream.name());
                }
            }
            told
        });
}

/// Whether the value of a CI variable stands where no value of one belongs.
fn moved(sample: &Json) -> bool {
    let at_its_place = sample["node"]["value"]
        .as_str()
        .is_some_and(|value| value.contains(CANARY));
    let of_variables = sample["stream"]
        .as_str()
        .is_some_and(|name| name.ends_with("_variables"));
    !at_its_place || !of_variables || sample.to_string().matches(CANARY).count() > 1
}

/// Each value is one that its column takes, in BigQuery's bounds.
fn assert_fits(stream: &Stream, row: &Row) {
    let table = &stream.table;
    assert_eq!(row.len(), table.columns.len());
    for (column, value) in table.columns.iter().zip(row) {
        let fits = match (column.kind, value) {
            (Kind::Int64Array, Value::Ints(_)) | (Kind::StringArray, Value::Texts(_)) => true,
            (Kind::Int64Array | Kind::StringArray, _) => false,
            (_, Value::Null) => !table.primary_key.contains(&column.name),
            (Kind::Int64, Value::Int(_)) | (Kind::Bool, Value::Bool(_)) | (Kind::String, Value::Text(_)) => true,
            (Kind::Float64, Value::Float(number)) => number.is_finite(),
            (Kind::Timestamp, Value::Time(micros)) => (datetime!(0001-01-01 0:00 UTC)
                ..datetime!(9999-12-31 23:59:59.999_999_1 UTC))
                .contains(&instant(*micros)),
            (Kind::Date, Value::Day(days)) => (-719_162..=2_932_896).contains(days),
            _ => false,
        };
        assert!(fits, "{}.{} is {value:?}", table.name, column.name);
    }
}

fn instant(micros: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).expect("a time")
}

/// A rejected node is kept whole, but for what is a secret; the reason, without names, is returned.
fn assert_kept(stream: &Stream, row: &Row, node: &Json) -> String {
    let [_, Value::Text(name), Value::Text(reason), Value::Text(kept)] = &row[..] else {
        panic!("a rejected row is {row:?}")
    };
    assert_eq!(name, stream.name());
    let kept: Json = serde_json::from_str(kept).expect("JSON");
    assert!(
        kept == *node || stream.name().ends_with("_variables"),
        "a rejected node is kept as {kept}"
    );
    reason.rsplit(" is not ").next().unwrap_or_default().to_owned()
}

/// A value that is not in its row is kept as GitLab sent it.
fn assert_told(row: &Row, node: &Json) {
    let [_, _, Value::Text(reason), Value::Text(kept)] = &row[..] else {
        panic!("a rejected value is {row:?}")
    };
    let column = reason
        .rsplit("; ")
        .next()
        .and_then(|told| told.strip_suffix(" is NULL"));
    let kept: Json = serde_json::from_str(kept).expect("JSON");
    let value = kept[column.expect("a column")].as_str().expect("a value");
    assert!(
        places(node)
            .iter()
            .filter_map(|place| node.pointer(place))
            .any(|there| { there.as_str().map_or_else(|| there.to_string(), ToOwned::to_owned) == value }),
        "{value} is nowhere in {node}"
    );
}

#[test]
fn what_is_of_another_type_is_rejected_and_never_taken_for_nothing() {
    let streams = Streams::new();
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/testkit/fuzz/corpus/connector_rows"
    );
    let mut tried = 0;
    for entry in std::fs::read_dir(folder).expect("a corpus") {
        let text = std::fs::read(entry.expect("a file").path()).expect("a sample");
        let Ok(sample) = serde_json::from_slice::<Json>(&text) else {
            continue;
        };
        let Some(stream) = sample["stream"].as_str().and_then(|name| streams.find(name)) else {
            continue;
        };
        let Ok(right) = stream.row(&sample["node"]) else {
            continue;
        };
        for place in places(&sample["node"]) {
            let mut node = sample["node"].clone();
            let value = node.pointer_mut(&place).expect("a place");
            *value = match value {
                Json::Null => continue,
                Json::Object(_) | Json::Array(_) => true.into(),
                _ => Json::Object(Map::new()),
            };
            if let Ok(row) = stream.row(&node) {
                assert_eq!(row, right, "{} with {node}", stream.name());
            }
            tried += 1;
        }
    }
    assert!(tried > 500, "{tried}");
}

/// JSON pointers of all that a node holds.
fn places(node: &Json) -> Vec<String> {
    let below: Vec<(String, &Json)> = match node {
        Json::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value))
            .collect(),
        Json::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, value)| (at.to_string(), value))
            .collect(),
        _ => Vec::new(),
    };
    let with_below = |(name, value): (String, &Json)| {
        let deeper = places(value).into_iter().map(|place| format!("/{name}{place}"));
        std::iter::once(format!("/{name}")).chain(deeper).collect::<Vec<_>>()
    };
    below.into_iter().flat_map(with_below).collect()
}

#[test]
fn connector_cursor() {
    Target::new("connector_cursor", Shape::Json)
        .words(&[
            "updated_after",
            "later",
            "whole_at",
            "pass",
            "lanes",
            "whole",
            "part",
            "path",
            "of",
        ])
        .words(&[
            "projects",
            "merge_requests",
            "issues",
            "dimensions",
            "open_merge_requests",
            "reconcile",
            "rest_streams",
        ])
        .words(&[
            "complete_until",
            "progress",
            "started_at",
            "listed",
            "planned",
            "slices",
            "retry",
            "retry_next_sync",
        ])
        .words(&[
            "pages", "hash", "after", "cursor", "project", "pending", "failed", "backfill", "since", "all", "below",
        ])
        .words(&[
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "2026-01-05T10:00:00+14:00",
        ])
        .reaches(&["none", "finished", "under way"])
        .run(|text| {
            let text = String::from_utf8_lossy(text);
            let outcomes: Vec<&str> = ALL.into_iter().map(|pass| outcome(pass, &text)).collect();
            let found = ["under way", "finished"].into_iter().find(|one| outcomes.contains(one));
            found.unwrap_or("none").to_owned()
        });
}

/// What a text is as a cursor of this pass. Whatever it is, it reads back as the same, and never leads back.
fn outcome(pass: Pass, text: &str) -> &'static str {
    let state = PassState::read(pass, Some(text));
    let printed = state.to_cursor();
    assert_eq!(PassState::read(pass, Some(&printed)), state, "{printed}");
    let (now, overlap) = (datetime!(2026-01-05 10:00 UTC), Duration::from_secs(300));
    let next = match &state {
        PassState::Projects(state) => PassState::Projects(state.advanced(state.begin(now), overlap)),
        PassState::MergeRequests(state) => PassState::MergeRequests(state.advanced(state.begin(now), overlap)),
        PassState::Issues(state) => PassState::Issues(state.advanced(state.begin(now), overlap)),
        PassState::Dimensions(_) => state.clone(),
        PassState::OpenMergeRequests(state) => PassState::OpenMergeRequests(state.advanced(state.begin(now), overlap)),
        PassState::Reconcile(state) => PassState::Reconcile(state.advanced(state.begin(now), None)),
        PassState::RestStreams(state) => PassState::RestStreams(state.advanced(state.begin(now), overlap)),
    };
    // What it has passed is in the warehouse.
    assert!(next.complete_until() >= state.complete_until());
    match (state == PassState::new(pass), state.is_under_way()) {
        (true, _) => "none",
        (_, true) => "under way",
        _ => "finished",
    }
}

#[test]
fn connector_request() {
    let known = Streams::new();
    Target::new("connector_request", Shape::Json)
        .words(&[
            "full_refresh",
            "reconcile",
            "streams",
            "scopes",
            "source",
            "merge_requests",
            "issues,users",
            "true",
            "acme",
        ])
        .reaches(&["unknown_stream", "invalid_value", "everything", "narrowed"])
        .run(|text| {
            let Ok(mut body) = serde_json::from_slice::<Map<String, Json>>(text) else {
                return "no object".into();
            };
            let before = body.clone();
            match Request::take(&mut body) {
                Ok(request) => {
                    assert!(request.streams.iter().all(|name| known.find(name).is_some()));
                    for name in ["full_refresh", "reconcile", "streams", "scopes"] {
                        assert!(!body.contains_key(name), "{name} is left over");
                    }
                    assert!(
                        body.iter().all(|(name, value)| before[name] == *value),
                        "a setting changed"
                    );
                    if request == Request::default() {
                        "everything".into()
                    } else {
                        "narrowed".into()
                    }
                }
                Err(refusal) => {
                    assert_eq!(refusal.status(), 400);
                    refusal.code().to_owned()
                }
            }
        });
}
