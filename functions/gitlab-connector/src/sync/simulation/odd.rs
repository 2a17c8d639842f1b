//! Values that no table can hold as they are: one of them costs no more than itself.

use gitlab_sim::data::{Text, World};
use serde_json::{Value as Json, json};

use super::*;
use crate::ledger::GapReason;
use crate::sync::simulation::scene::Scene;

/// Stands in the simulated GitLab for what no text can hold.
const ODD: &str = "@odd@";

/// A scene that reads this stream too.
fn with(stream: &'static str) -> Scene {
    let mut scene = Scene::new(2, 40);
    let usual = scene.streams.all().filter(|stream| stream.usual).map(Stream::name);
    scene.options = Options::of_streams(usual.chain(["issue_notes", stream]));
    scene
}

/// Puts `to` in the place of `from` in some titles and notes, and in each label; with an empty `from` at the end.
fn replace(world: &mut World, from: &str, to: &str) {
    let replaced = |text: &str| match from {
        "" => format!("{text}{to}"),
        from => text.replace(from, to),
    };
    for row in world.merge_requests.iter_mut().step_by(7) {
        row.title = Text::plain(replaced(&row.title.read()));
    }
    for row in world.notes.iter_mut().step_by(7) {
        row.body = Text::plain(replaced(&row.body.read()));
    }
    for label in world.labels.iter_mut() {
        label.title = replaced(&label.title);
    }
}

#[tokio::test(start_paused = true)]
async fn a_text_that_is_none_hides_no_row_of_graphql_or_rest() {
    // Latin-1, half of a surrogate pair, and a control character.
    for odd in [b"\xe8".as_slice(), br"\ud83d", b"\x01"] {
        let mut scene = with("mr_label_events");
        scene.stand.edit(|world, _| replace(world, "", ODD));
        scene.distort = Some(Arc::new(move |body| match String::from_utf8(body) {
            Ok(text) => text.split(ODD).map(str::as_bytes).collect::<Vec<_>>().join(odd),
            Err(error) => error.into_bytes(),
        }));
        assert!(scene.sync().await);
        let shown = if odd == b"\x01" { "\u{1}" } else { "\u{fffd}" };
        scene.stand.edit(|world, _| replace(world, ODD, shown));
        scene.assert_equal();
        let events = scene.memory.rows("mr_label_events");
        let is_shown = |event: &Json| {
            event["label_title"]
                .as_str()
                .is_some_and(|title| title.ends_with(shown))
        };
        assert!(events.len() > 20 && events.iter().all(is_shown));
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_or_date_that_bigquery_has_not_is_null_in_a_row_that_is_there() {
    let mut scene = with("mr_label_events");
    // One of each, told by what no other one holds.
    let (merge_request, issue) = scene.stand.with_world(|world| {
        let merged = world
            .merge_requests
            .iter()
            .find(|row| !row.hidden && row.merged_at.is_some());
        let due = world.issues.iter().find(|row| row.due_date.is_some());
        (merged.expect("a merged one").id, due.expect("one that is due").id)
    });
    let odd = [
        (
            format!("gid://gitlab/MergeRequest/{merge_request}"),
            "mergedAt",
            "10000-01-01T00:00:00Z",
        ),
        (format!("gid://gitlab/Issue/{issue}"), "dueDate", "20203-05-01"),
    ];
    scene.distort = Some(Arc::new(move |body| {
        let Ok(mut answer) = serde_json::from_slice::<Json>(&body) else {
            return body;
        };
        for (id, field, value) in &odd {
            put(&mut answer, id, field, &json!(value));
        }
        answer.to_string().into_bytes()
    }));
    assert!(scene.sync().await);
    for (table, id, column, value) in [
        ("merge_requests", merge_request, "merged_at", "10000-01-01T00:00:00Z"),
        ("issues", issue, "due_date", "20203-05-01"),
    ] {
        let mut rows = scene.memory.rows(table).into_iter();
        let row = rows.find(|row| row["id"] == id).expect("the row is there");
        assert_eq!(row[column], Json::Null);
        let kept = scene.memory.rejected();
        let of_row: Vec<_> = kept.iter().filter(|(stream, ..)| stream == table).collect();
        let [(_, reason, kept)] = &of_row[..] else {
            panic!("{kept:?}")
        };
        assert!(reason.ends_with(&format!("{column} is NULL")), "{reason}");
        assert_eq!((&kept["id"], &kept[column]), (&json!(id), &json!(value)));
        assert!(
            kept["web_url"].as_str().is_some_and(|url| url.starts_with("http")),
            "{kept}"
        );
    }
    let rows = scene.memory.rows("merge_requests").len();
    let shown = scene
        .stand
        .with_world(|world| world.merge_requests.iter().filter(|row| !row.hidden).count());
    assert_eq!(rows, shown);
}

#[tokio::test(start_paused = true)]
async fn a_row_larger_than_an_append_is_cut_and_stops_nothing() {
    let mut scene = with("releases");
    let issue = scene
        .stand
        .with_world(|world| world.issues.iter().next().expect("an issue").id);
    let note = "é".repeat(5_500_000);
    let sent = note.clone();
    scene.distort = Some(Arc::new(move |body| {
        let Ok(mut answer) = serde_json::from_slice::<Json>(&body) else {
            return body;
        };
        // A note of 11 MB of each project's newest release, and an issue of 12.6 MB that can't be mapped.
        match answer.get_mut(0).filter(|release| release["released_at"].is_string()) {
            Some(release) => release["description"] = json!(sent),
            None => put(
                &mut answer,
                &format!("gid://gitlab/Issue/{issue}"),
                "dueDate",
                &json!(["x".repeat(12_600_000)]),
            ),
        }
        answer.to_string().into_bytes()
    }));
    let (complete, warnings) = scene.sync_with_warnings().await;
    assert!(complete);
    let told = warnings
        .iter()
        .filter(|warning| format!("{warning:?}").contains("value_cut"));
    let releases = scene.memory.rows("releases");
    let cut: Vec<&str> = releases
        .iter()
        .filter_map(|release| release["description"].as_str())
        .filter(|text| text.len() > 1000)
        .collect();
    let gaps = scene.memory.ledger().1;
    let of = |table: &str| {
        let table = format!(" {table} ");
        let cut = gaps.iter().filter(|gap| gap.reason == GapReason::Cut);
        cut.filter(|gap| gap.address.contains(&table)).count()
    };
    assert_eq!((of("releases"), of("_rejected")), (cut.len(), 1), "{gaps:?}");
    assert!(!cut.is_empty() && cut.len() < releases.len());
    for text in &cut {
        let (kept, mark) = text.split_once('…').expect("a mark");
        assert!(note.starts_with(kept) && kept.len() > 9_000_000);
        assert!(mark.ends_with("bytes are left out]"), "{mark}");
    }
    let noted = scene.memory.rejected();
    let of_releases = noted.iter().filter(|(stream, ..)| stream == "releases");
    let names: Vec<_> = of_releases.filter_map(|(.., kept)| kept["tag_name"].as_str()).collect();
    assert_eq!(names.len(), cut.len());
    let of_issues: Vec<_> = noted.iter().filter(|(stream, ..)| stream == "issues").collect();
    assert!(matches!(&of_issues[..], [(_, reason, _)] if reason.contains("dueDate")));
    assert!(told.count() > cut.len(), "the rejected row as well");
    let issues = scene.memory.rows("issues");
    assert!(issues.len() > 10 && issues.iter().all(|row| row["id"] != issue));
}

/// Gives the object with this id another value.
fn put(json: &mut Json, id: &str, field: &str, value: &Json) {
    match json {
        Json::Object(fields) => {
            if fields.get("id").is_some_and(|known| known == id) && fields.contains_key(field) {
                fields.insert(field.to_owned(), value.clone());
            }
            fields.values_mut().for_each(|inner| put(inner, id, field, value));
        }
        Json::Array(items) => items.iter_mut().for_each(|item| put(item, id, field, value)),
        _ => {}
    }
}
