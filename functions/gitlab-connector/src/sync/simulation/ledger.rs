//! What the ledger says after syncs.

use std::sync::atomic::{AtomicU64, Ordering};

use gitlab_sim::changes::{Change, Kind};
use mergemind_shared::warehouse::Value;
use reqwest::StatusCode;
use serde_json::json;

use super::*;
use crate::gitlab::Call;
use crate::ledger::{Entry, GapReason};
use crate::sync::simulation::scene::{Between, Scene};

/// What is counted of each project.
const COUNTED: [&str; 11] = [
    "labels",
    "milestones",
    "merge_requests",
    "mr_approvals",
    "mr_reviewers",
    "mr_assignees",
    "mr_labels",
    "mr_notes",
    "pipelines",
    "issues",
    "issue_notes",
];

fn is_equal(entry: &Entry) -> bool {
    entry.is_equal() == Some(true)
}

#[tokio::test(start_paused = true)]
async fn the_ledger_counts_every_project_and_stream_and_tells_since_when_they_are_equal() {
    for single in [true, false] {
        let mut scene = Scene::new(4, 230);
        scene.single = single;
        // Lists that come whole are entered from the second time on.
        assert!(scene.sync().await && scene.sync().await);
        let (entries, gaps) = scene.memory.ledger();
        assert_eq!((entries.len(), gaps.len()), (4 * COUNTED.len(), 0));
        for stream in COUNTED {
            let counted: u64 = entries
                .iter()
                .filter(|entry| entry.stream == stream)
                .map(|entry| entry.live.rows)
                .sum();
            let rows = scene.memory.rows(stream).into_iter();
            // GitLab does not count its own notes, and the labels and milestones of groups are no project's.
            let rows = rows.filter(|row| row["system"] != json!(true) && !row["project_id"].is_null());
            assert_eq!((counted, counted > 0), (rows.count() as u64, true), "{stream}");
        }
        assert!(
            entries.iter().all(|entry| is_equal(entry) && !entry.path.is_empty()),
            "{entries:?}"
        );
        scene.stand.wait(Duration::from_secs(100_000));
        for kind in [
            Kind::HideMergeRequest,
            Kind::OpenMergeRequest,
            Kind::EditTitle,
            Kind::StartPipeline,
        ] {
            scene.stand.apply(&Change::of(kind));
        }
        assert!(scene.sync().await);
        let (later, _) = scene.memory.ledger();
        assert!(later.iter().all(is_equal), "{later:?}");
        let deleted = later.iter().filter(|entry| entry.stream == "merge_requests");
        assert_eq!(deleted.map(|entry| entry.deleted).sum::<u64>(), 1);
        let since = |entries: &[Entry]| entries.iter().map(|entry| entry.since).collect::<Vec<_>>();
        assert_eq!(since(&entries), since(&later));
        assert!(later.iter().all(|entry| entry.looked_at > entry.since));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_inside_rows_stands_in_the_ledger_and_a_new_look_at_the_row_brings_it() {
    let mut scene = Scene::new(2, 60);
    assert!(scene.sync().await);
    let before = ["mr_labels", "mr_notes"].map(|table| scene.memory.rows(table).len());
    // Somebody takes a label and a comment away, and gives a merge request the label of another one.
    scene
        .memory
        .meddle("mr_labels", |place, row| (place != 3).then_some(row));
    let mut lost = false;
    let system = scene
        .streams
        .named("mr_notes")
        .table
        .position("system")
        .expect("a column");
    scene.memory.meddle("mr_notes", |_, row| {
        let is_kept = lost || row[system] == Value::Bool(true);
        lost |= !is_kept;
        is_kept.then_some(row)
    });
    let unequal = |scene: &Scene| {
        let entries = scene.memory.ledger().0.into_iter();
        let unequal = entries.filter(|entry| !is_equal(entry));
        let mut told: Vec<_> = unequal
            .map(|entry| {
                (
                    entry.stream,
                    entry.gitlab.rows().map(|told| told.rows - entry.live.rows),
                )
            })
            .collect();
        told.sort_unstable();
        told
    };
    scene.stand.wait(Duration::from_secs(3600));
    assert!(scene.sync().await);
    let one = |stream: &str| (stream.to_owned(), Some(1));
    assert_eq!(unequal(&scene), [one("mr_labels"), one("mr_notes")]);
    scene.request.full_refresh = true;
    assert!(scene.sync().await);
    assert_eq!(unequal(&scene), []);
    assert_eq!(
        ["mr_labels", "mr_notes"].map(|table| scene.memory.rows(table).len()),
        before
    );
}

/// Fails with status 500 at every page of rows that holds one merge request, whose address is told, too.
fn failing(scene: &Scene) -> (Arc<Between>, String) {
    let (broken, url) = scene.stand.with_world(|world| {
        let shown = world.merge_requests.iter().filter(|row| !row.hidden);
        let row = shown.max_by_key(|row| row.updated_at).expect("a merge request");
        let project = world.projects.iter().find(|project| project.id == row.project);
        let path = project.expect("a project").full_path();
        (row.id, format!("{path}/-/merge_requests/{}", row.iid))
    });
    let (stand, gid) = (scene.stand.clone(), format!("\"gid://gitlab/MergeRequest/{broken}\""));
    let failing = move |call: &Call<'_>| {
        let Call::Query(body) = call else { return None };
        let is_about_rows = body["query"].as_str()?.contains("diffStatsSummary");
        let holds_it = || String::from_utf8_lossy(&stand.answer(call).2).contains(&gid);
        (is_about_rows && holds_it()).then_some((StatusCode::INTERNAL_SERVER_ERROR, "{}"))
    };
    (Arc::new(failing), url)
}

/// The requests and the seconds that each sync of thirty hours takes, one every half an hour.
async fn thirty_hours(mut scene: Scene, failing: Option<Arc<Between>>, url: &str) -> Vec<(u64, u64)> {
    let sent = Arc::new(AtomicU64::new(0));
    let count = sent.clone();
    scene.request.reconcile = false;
    scene.between = Some(Arc::new(move |call| {
        count.fetch_add(1, Ordering::Relaxed);
        failing.as_ref().and_then(|failing| failing(call))
    }));
    let mut took = Vec::new();
    for _ in 0..60 {
        let begun = tokio::time::Instant::now();
        let (complete, warnings) = scene.sync_with_warnings().await;
        // It is named in every sync, tried or not.
        let told = format!("{warnings:?}");
        assert!(complete && (url.is_empty() || told.contains(url)), "{told}");
        took.push((sent.swap(0, Ordering::Relaxed), begun.elapsed().as_secs()));
        scene.stand.wait(Duration::from_secs(1800));
    }
    took
}

#[tokio::test(start_paused = true)]
async fn a_row_at_which_gitlab_fails_for_ever_takes_few_requests_and_little_time_of_later_syncs() {
    let scene = Scene::new(3, 60);
    let (failing, url) = failing(&scene);
    let with = thirty_hours(scene, Some(failing), &url).await;
    let without = thirty_hours(Scene::new(3, 60), None, "").await;
    let pairs = with.iter().zip(&without);
    let more: Vec<u64> = pairs.map(|((with, _), (without, _))| with - without).collect();
    // The first sync looks for it, down to the row, and the second one, which meets it within the overlap, knows it already.
    // Then there are two tries and a look whether GitLab answers at all, more and more rarely; and the daily look at open
    // ones meets it in its pages.
    let (first, later) = more.split_at(2);
    assert_eq!(first, [53, 20]);
    let daily = later.iter().position(|more| *more > 3).expect("the daily look");
    assert_eq!((daily, later[daily]), (46, 27));
    let tries: Vec<usize> = (0..daily).filter(|sync| later[*sync] == 3).collect();
    assert_eq!(tries, [0, 1, 2, 4, 6, 9, 12, 16, 21, 27, 35, 45]);
    assert_eq!(later[..daily].iter().sum::<u64>(), 3 * 12);
    assert!(with[1..].iter().all(|(_, seconds)| *seconds < 4), "{with:?}");
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_left_out_stands_in_the_ledger_until_an_ordinary_sync_has_read_it() {
    let mut scene = Scene::new(3, 60);
    let (failing, url) = failing(&scene);
    scene.between = Some(failing);
    let mut since = None;
    for reconcile in [true, false, true] {
        scene.request.reconcile = reconcile;
        let (complete, _) = scene.sync_with_warnings().await;
        assert!(complete);
        let (entries, gaps) = scene.memory.ledger();
        assert_eq!(gaps.len(), 1, "{gaps:?}");
        assert!(gaps[0].address.ends_with(&url), "{gaps:?}");
        assert_eq!(
            (gaps[0].reason, *since.get_or_insert(gaps[0].since)),
            (GapReason::LeftOut, gaps[0].since)
        );
        let unequal: Vec<_> = entries.iter().filter(|entry| !is_equal(entry)).collect();
        assert_eq!(unequal.len(), 1, "{entries:?}");
        scene.stand.wait(Duration::from_secs(3600));
    }
    scene.between = None;
    scene.request.reconcile = false;
    assert!(scene.sync().await);
    assert_eq!(scene.memory.ledger().1, []);
    scene.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn a_field_that_fails_is_read_as_soon_as_it_does_not_however_many_looks_came_before() {
    let mut scene = Scene::new(2, 40);
    let row = scene.stand.with_world(|world| {
        let mut rows = world.merge_requests.iter();
        let row = rows.find(|row| !row.hidden && !row.approved_by.is_empty());
        row.expect("an approved one").id
    });
    let field =
        |id: u64| serde_json::json!([{"of": "MergeRequest", "id": id, "field": "approvedBy", "poison": "error"}]);
    scene.stand.poison(field(row));
    for reconcile in [true, true, false, true] {
        scene.request.reconcile = reconcile;
        let (complete, warnings) = scene.sync_with_warnings().await;
        assert!(complete && warnings.len() == 1, "{warnings:?}");
        assert_eq!(scene.memory.ledger().1.len(), 1);
        scene.stand.wait(Duration::from_secs(3600));
    }
    scene.stand.poison(serde_json::json!([]));
    scene.request.reconcile = false;
    assert!(scene.sync().await);
    assert_eq!(scene.memory.ledger().1, []);
    scene.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_s_field_that_fails_stands_in_the_ledger_until_a_look_has_read_it() {
    let mut scene = Scene::new(2, 40);
    let id = scene.stand.with_world(|world| {
        let mut rows = world.pipelines.iter();
        rows.find(|row| row.duration.is_some()).expect("one that ran").id
    });
    scene
        .stand
        .poison(json!([{"of": "Ci::Pipeline", "id": id, "field": "duration", "poison": "error"}]));
    for reconcile in [true, true, false, true] {
        scene.request.reconcile = reconcile;
        assert!(scene.sync_with_warnings().await.0);
        let gaps = scene.memory.ledger().1;
        let [gap] = &gaps[..] else { panic!("{gaps:?}") };
        assert_eq!(gap.address, format!("duration of gid://gitlab/Ci::Pipeline/{id}"));
        scene.stand.wait(Duration::from_secs(86_400));
    }
    scene.stand.poison(json!([]));
    assert!(scene.sync().await);
    assert_eq!(scene.memory.ledger().1, []);
    scene.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn a_gap_that_is_no_more_is_closed_by_the_next_look() {
    let scene = Scene::new(3, 120);
    assert!(scene.sync().await);
    for _ in 0..40 {
        scene.stand.apply(&Change::of(Kind::HideMergeRequest));
    }
    scene.stand.apply(&Change::of(Kind::DeleteProject));
    let (_, warnings) = scene.sync_with_warnings().await;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    let (entries, gaps) = scene.memory.ledger();
    let mut reasons: Vec<&str> = gaps.iter().map(|gap| gap.reason.name()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["deletions_held", "deletions_held", "hidden"], "{gaps:?}");
    assert!(entries.iter().any(|entry| !is_equal(entry)));
    scene.stand.wait(Duration::from_secs(3600));
    assert!(scene.sync().await);
    let (entries, gaps) = scene.memory.ledger();
    assert_eq!((entries.len(), gaps), (2 * COUNTED.len(), Vec::new()));
    assert!(entries.iter().all(is_equal), "{entries:?}");
    scene.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_compared_in_stretches_stands_in_the_ledger_as_one() {
    for (verify, ids_at_once) in [(false, 2), (true, 100)] {
        // More than a page of ids, and with pages of two more than a stretch.
        let mut scene = Scene::new(1, 130);
        scene.ids_at_once = Some(ids_at_once);
        assert!(scene.sync().await);
        scene.stand.wait(Duration::from_secs(3600));
        scene.request.verify = verify;
        let before = scene.memory.rows("merge_requests").len();
        scene
            .memory
            .meddle("merge_requests", |place, row| (place % 50 != 7).then_some(row));
        assert_eq!(before - scene.memory.rows("merge_requests").len(), 3);
        assert!(scene.sync().await);
        let entries = scene.memory.ledger().0;
        let entry = entries
            .iter()
            .find(|entry| entry.stream == "merge_requests")
            .expect("an entry");
        assert_eq!((entry.live.rows, is_equal(entry)), (before as u64, true), "{entry:?}");
        scene.assert_equal();
    }
}

/// Hears which events are logged.
struct Heard(Arc<std::sync::Mutex<Vec<String>>>);

impl tracing::Subscriber for Heard {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Fields(String);
        impl tracing::field::Visit for Fields {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0.push_str(&format!("{}={value:?} ", field.name()));
            }
        }
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.0.lock().expect("one thread").push(fields.0);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test(start_paused = true)]
async fn a_project_that_is_not_equal_for_two_days_is_logged_and_no_other() {
    let mut scene = Scene::new(3, 60);
    let (failing, url) = failing(&scene);
    let (project, _) = url.split_once("/-/").expect("an address");
    let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
    let _listening = tracing::subscriber::set_default(Heard(heard.clone()));
    scene.between = Some(failing);
    for day in 0..4 {
        let (complete, _) = scene.sync_with_warnings().await;
        assert!(complete);
        let mut logged = std::mem::take(&mut *heard.lock().expect("one thread"));
        logged.retain(|event| event.contains("event=\"project_incomplete\""));
        assert_eq!(logged.len(), usize::from(day >= 2), "day {day}: {logged:?}");
        let told = ["stream=\"merge_requests\"".to_owned(), format!("project=\"{project}\"")];
        assert!(
            logged.iter().all(|event| told.iter().all(|told| event.contains(told))),
            "{logged:?}"
        );
        scene.stand.wait(Duration::from_secs(86_400));
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_of_which_even_the_number_fails_is_left_out_by_its_id_and_stops_no_other() {
    let mut scene = Scene::new(2, 40);
    let (id, all) = scene.stand.with_world(|world| {
        let first = world.pipelines.iter().next().expect("a pipeline");
        (first.id, world.pipelines.iter().count())
    });
    scene.request.reconcile = false;
    let poison = serde_json::json!([{"of": "Ci::Pipeline", "id": id, "field": "iid", "poison": "error"}]);
    scene.stand.poison(poison);
    let (complete, warnings) = scene.sync_with_warnings().await;
    let told = format!("{warnings:?}");
    assert!(
        complete && told.contains(&format!("gid://gitlab/Ci::Pipeline/{id}")),
        "{told}"
    );
    assert_eq!(scene.memory.rows("pipelines").len(), all - 1);
}
