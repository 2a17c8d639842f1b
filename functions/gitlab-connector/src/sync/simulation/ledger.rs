//! What the ledger says after syncs.

use gitlab_sim::changes::{Change, Kind};
use reqwest::StatusCode;

use super::*;
use crate::gitlab::Call;
use crate::ledger::{Entry, GapReason};
use crate::sync::simulation::scene::Scene;

#[tokio::test(start_paused = true)]
async fn the_ledger_counts_every_project_and_stream_and_tells_since_when_they_are_equal() {
    for single in [true, false] {
        let mut scene = Scene::new(4, 230);
        scene.single = single;
        assert!(scene.sync().await);
        let (entries, gaps) = scene.memory.ledger();
        assert_eq!((entries.len(), gaps.len()), (12, 0));
        for stream in ["merge_requests", "issues", "pipelines"] {
            let counted: u64 = entries
                .iter()
                .filter(|entry| entry.stream == stream)
                .map(|entry| entry.live.rows)
                .sum();
            assert_eq!(counted, scene.memory.rows(stream).len() as u64, "{stream}");
        }
        assert!(
            entries.iter().all(|entry| entry.is_equal() && !entry.path.is_empty()),
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
        assert!(later.iter().all(Entry::is_equal), "{later:?}");
        assert_eq!(later.iter().map(|entry| entry.deleted).sum::<u64>(), 1);
        let since = |entries: &[Entry]| entries.iter().map(|entry| entry.since).collect::<Vec<_>>();
        assert_eq!(since(&entries), since(&later));
        assert!(later.iter().all(|entry| entry.looked_at > entry.since));
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_left_out_stands_in_the_ledger_until_an_ordinary_sync_has_read_it() {
    let mut scene = Scene::new(3, 60);
    let (broken, url) = scene.stand.with_world(|world| {
        let shown = world.merge_requests.iter().filter(|row| !row.hidden);
        let row = shown.max_by_key(|row| row.updated_at).expect("a merge request");
        let project = world.projects.iter().find(|project| project.id == row.project);
        (
            row.id,
            format!(
                "{}/-/merge_requests/{}",
                project.expect("a project").full_path(),
                row.iid
            ),
        )
    });
    let (stand, gid) = (scene.stand.clone(), format!("\"gid://gitlab/MergeRequest/{broken}\""));
    let failing: Arc<crate::sync::simulation::scene::Between> = Arc::new(move |call| {
        let Call::Query(body) = call else { return None };
        let is_about_rows = body["query"].as_str()?.contains("diffStatsSummary");
        let holds_it = || String::from_utf8_lossy(&stand.answer(call).2).contains(&gid);
        (is_about_rows && holds_it()).then_some((StatusCode::INTERNAL_SERVER_ERROR, "{}"))
    });
    scene.between = Some(failing.clone());
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
        let unequal: Vec<_> = entries.iter().filter(|entry| !entry.is_equal()).collect();
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
    assert!(entries.iter().any(|entry| !entry.is_equal()));
    scene.stand.wait(Duration::from_secs(3600));
    assert!(scene.sync().await);
    let (entries, gaps) = scene.memory.ledger();
    assert_eq!((entries.len(), gaps), (6, Vec::new()));
    assert!(entries.iter().all(Entry::is_equal), "{entries:?}");
    scene.assert_equal();
}
