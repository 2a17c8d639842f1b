//! Lists of the REST API that belong to rows: which of them a sync reads, and that none is missed.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use gitlab_sim::changes::{Change, Kind};
use reqwest::StatusCode;
use serde_json::Value as Json;

use super::*;
use crate::gitlab::Call;
use crate::sync::scope::{Projects, Scope};
use crate::sync::simulation::scene::Scene;

/// Streams that most users switch on, and two that only Enterprise has.
const STREAMS: [&str; 4] = ["mr_commits", "mr_state_events", "epics", "epic_issues"];

fn scene(projects: u32, merge_requests: u32) -> Scene {
    let mut scene = Scene::new(projects, merge_requests);
    scene.options.streams.extend(STREAMS.map(str::to_owned));
    scene.request.reconcile = false;
    scene
}

/// The requests to the REST API that a sync takes: for lists of merge requests, of epics, and of groups.
async fn rest_requests(scene: &mut Scene) -> [u64; 3] {
    let counts = Arc::new([const { AtomicU64::new(0) }; 3]);
    let counting = counts.clone();
    scene.between = Some(Arc::new(move |call| {
        if let Call::Page(path) = call {
            let kinds = ["/merge_requests/", "/epics/"];
            let kind = kinds.iter().position(|kind| path.contains(kind)).unwrap_or(2);
            counting[kind].fetch_add(1, Ordering::Relaxed);
        }
        None
    }));
    assert!(scene.sync().await);
    scene.between = None;
    [0, 1, 2].map(|kind| counts[kind].load(Ordering::Relaxed))
}

/// The rows of a table that belong to rows of the other raw tables, as texts in order.
fn rows_of(memory: &Memory, table: &str, others: &Memory) -> Vec<String> {
    let ids = |table: &str| {
        others
            .rows(table)
            .iter()
            .map(|row| row["id"].clone())
            .collect::<Vec<_>>()
    };
    let (parent, ids) = match table.starts_with("mr_") {
        true => ("merge_request_id", ids("merge_requests")),
        false => ("group_id", ids("groups")),
    };
    let rows = memory.rows(table).into_iter().filter(|row| ids.contains(&row[parent]));
    let mut rows: Vec<String> = rows.map(|row| row.to_string()).collect();
    rows.sort_unstable();
    rows
}

/// The tables are as somebody has them who reads everything now, but for projects that have left the scope, whose rows stay.
async fn assert_whole(scene: &mut Scene) {
    let mut before = std::mem::replace(&mut scene.memory, Memory::new(6));
    assert!(scene.sync().await);
    std::mem::swap(&mut scene.memory, &mut before);
    for table in STREAMS {
        let (known, fresh) = (rows_of(&scene.memory, table, &before), rows_of(&before, table, &before));
        let counts = (known.len(), fresh.len());
        let first = known.iter().zip(&fresh).find(|(known, fresh)| known != fresh);
        assert!(
            known == fresh,
            "{table}: {counts:?} rows if all are read now; {first:?}"
        );
        assert!(!table.starts_with("mr_") || fresh.len() > 20, "the test proves nothing");
    }
}

#[tokio::test(start_paused = true)]
async fn lists_of_rows_are_read_once_and_again_only_for_rows_that_were_written() {
    for single in [false, true] {
        let mut scene = scene(4, 60);
        scene.single = single;
        let first = rest_requests(&mut scene).await;
        let (groups, epics) = (
            scene.memory.rows("groups").len() as u64,
            scene.memory.rows("epics").len() as u64,
        );
        // Projects that are named one by one have no groups.
        assert_eq!(
            first,
            if single {
                [2 * 60, 0, 0]
            } else {
                [2 * 60, epics, groups]
            },
            "the first sync"
        );
        assert!(single || epics > 2 && groups > 1);
        for name in ["second", "third"] {
            scene.stand.wait(Duration::from_secs(30));
            assert_eq!(rest_requests(&mut scene).await, [0; 3], "the {name} sync soon after");
        }
        scene.stand.wait(Duration::from_secs(4 * 3600));
        assert_eq!(rest_requests(&mut scene).await, [0; 3], "an idle sync");
        scene.stand.apply(&Change::of(Kind::EditTitle));
        assert_eq!(rest_requests(&mut scene).await, [2, 0, 0], "a sync with a change");
        scene.stand.wait(Duration::from_secs(30));
        assert_eq!(rest_requests(&mut scene).await, [0; 3], "the one after it");
        assert_whole(&mut scene).await;
    }
}

#[tokio::test(start_paused = true)]
async fn no_row_that_is_written_while_its_pass_is_cut_short_is_missed() {
    let mut scene = scene(3, 50);
    let random = &mut Random::of(8, 703, 0);
    for round in 0..12 {
        for _ in 0..random.below(6) {
            scene.stand.change(random);
        }
        // Cut short after some rows, so that the pass goes on when others were written.
        scene.options.max_records = (round % 4 != 3).then(|| 20 + random.below(150));
        scene.memory.disturb(random);
        let scope = scene.stand.with_world(|world| scope_of(world, false));
        let _ = scene.try_sync(scope).await;
        scene.memory.calm();
        scene
            .stand
            .wait(Duration::from_secs([5, 400, 90_000][random.below(3) as usize]));
    }
    scene.options.max_records = None;
    (scene.request.reconcile, scene.request.confirm_deletions) = (true, true);
    for _ in 0..2 {
        assert!(scene.sync().await);
    }
    assert_whole(&mut scene).await;
}

#[tokio::test(start_paused = true)]
async fn rows_of_a_project_that_comes_into_the_scope_have_their_lists_read() {
    let mut scene = scene(4, 60);
    let all = scene.stand.with_world(|world| scope_of(world, true));
    let Scope::Projects(all) = all else { panic!("projects") };
    let without = |left_out: i64| {
        let paths = all.paths.iter().filter(|(id, _)| **id != left_out);
        Scope::Projects(Projects {
            name: all.name.clone(),
            paths: paths.map(|(id, path)| (*id, path.clone())).collect(),
        })
    };
    let away = *all.paths.keys().next().expect("a project");
    assert!(scene.sync_of(without(-1)).await.0);
    let asked = Arc::new(Mutex::new(0));
    let row = scene.stand.with_world(|world| {
        let mut rows = world.merge_requests.iter();
        rows.find(|row| row.project as i64 == away && !row.hidden)
            .expect("a row")
            .iid
    });
    assert!(scene.sync_of(without(away)).await.0);
    let path = format!("projects/{away}/merge_requests/{row}/commits");
    let count = asked.clone();
    scene.between = Some(Arc::new(move |call| {
        if matches!(call, Call::Page(asked) if asked.starts_with(&path)) {
            *count.lock().expect("one thread") += 1;
        }
        None
    }));
    assert!(scene.sync_of(without(-1)).await.0);
    assert_eq!(*asked.lock().expect("one thread"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_fails_for_ever_is_tried_more_and_more_rarely_and_stops_no_other() {
    for stream in ["mr_commits", "environments"] {
        let mut scene = scene(2, 40);
        scene.options.streams.retain(|stream| !stream.starts_with("epic"));
        scene.options.streams.insert("environments".to_owned());
        let tried = Arc::new(AtomicU64::new(0));
        let path = scene.stand.with_world(|world| {
            let row = world.merge_requests.iter().find(|row| !row.hidden).expect("one");
            match stream {
                "mr_commits" => format!("projects/{}/merge_requests/{}/commits", row.project, row.iid),
                _ => format!("projects/{}/environments", row.project),
            }
        });
        let (count, failing) = (tried.clone(), path.clone());
        scene.between = Some(Arc::new(move |call| {
            matches!(call, Call::Page(asked) if asked.starts_with(&failing)).then(|| {
                count.fetch_add(1, Ordering::Relaxed);
                (StatusCode::INTERNAL_SERVER_ERROR, "{}")
            })
        }));
        let mut tries = Vec::new();
        for _ in 0..50 {
            let begun = tokio::time::Instant::now();
            let (complete, warnings) = scene.sync_with_warnings().await;
            assert!(complete && format!("{warnings:?}").contains(&path), "{warnings:?}");
            let took = begun.elapsed();
            assert!(tries.is_empty() || took < Duration::from_secs(2), "{took:?}");
            tries.push(tried.swap(0, Ordering::Relaxed));
            let gaps = scene.memory.ledger().1;
            assert_eq!(gaps.len(), 1, "{gaps:?}");
            assert_eq!(gaps[0].address, format!("{stream}: {path}"));
            scene.stand.wait(Duration::from_secs(1800));
        }
        assert_eq!(
            tries[..16],
            [7, 2, 2, 2, 2, 0, 2, 0, 2, 0, 0, 2, 0, 0, 2, 0],
            "{stream}"
        );
        assert_eq!(tries.iter().sum::<u64>(), 7 + 2 * 13, "{stream}");
        scene.between = None;
        scene.stand.wait(Duration::from_secs(6 * 3600));
        assert!(scene.sync().await);
        assert_eq!(scene.memory.ledger().1, []);
        scene.options.streams.remove("environments");
        assert_whole(&mut scene).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_ledger_counts_lists_of_the_rest_api_that_are_read_whole() {
    let mut scene = Scene::new(3, 40);
    scene
        .options
        .streams
        .extend(["environments", "mr_commits", "mr_state_events"].map(ToOwned::to_owned));
    assert!(scene.sync().await);
    let of = |scene: &Scene, stream: &str| {
        let mut entries = scene.memory.ledger().0;
        entries.retain(|entry| entry.stream == stream);
        entries
    };
    // Of lists that belong to rows GitLab tells a number with the row, or none.
    for (stream, is_equal) in [
        ("environments", Some(true)),
        ("mr_commits", Some(true)),
        ("mr_state_events", None),
    ] {
        let (entries, rows) = (of(&scene, stream), scene.memory.rows(stream).len());
        let live: u64 = entries.iter().map(|entry| entry.live.rows).sum();
        assert_eq!((entries.len(), live), (3, rows as u64), "{stream}");
        assert!(
            rows > 3 && entries.iter().all(|entry| entry.is_equal() == is_equal),
            "{entries:?}"
        );
    }
    // A row that changed counts by its time of update.
    let sums = |scene: &Scene| {
        of(scene, "environments")
            .iter()
            .map(|entry| entry.live.sum)
            .collect::<Vec<_>>()
    };
    assert!(sums(&scene).iter().all(|sum| *sum != 0));
    // A row of one project that can't be mapped is counted, and is not there.
    scene.distort = Some(Arc::new(|body| {
        let mut answer: Json = serde_json::from_slice(&body).unwrap_or_default();
        match answer
            .get_mut(0)
            .filter(|row| row["tier"].is_string() && row["slug"].is_string())
        {
            Some(row) => row["id"] = Json::Null,
            None => return body,
        }
        answer.to_string().into_bytes()
    }));
    scene
        .memory
        .meddle("environments", |place, row| (place != 0).then_some(row));
    scene.stand.wait(Duration::from_secs(90_000));
    let (complete, _) = scene.sync_with_warnings().await;
    let unequal = of(&scene, "environments")
        .into_iter()
        .filter(|entry| entry.is_equal() != Some(true));
    assert!(complete && unequal.count() > 0);
    scene.distort = None;
    scene.stand.wait(Duration::from_secs(90_000));
    let (complete, _) = scene.sync_with_warnings().await;
    assert!(
        complete
            && of(&scene, "environments")
                .iter()
                .all(|entry| entry.is_equal() == Some(true))
    );
}
