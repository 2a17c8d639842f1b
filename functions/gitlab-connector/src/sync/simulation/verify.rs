//! Comparisons with GitLab that somebody asks for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use gitlab_sim::changes::{Change, Kind};
use mergemind_shared::warehouse::Value;
use serde_json::json;

use super::*;
use crate::sync::scope::{Projects, Scope};
use crate::sync::simulation::scene::Scene;
use crate::sync::verified::Verified;

/// Has this scene's requests counted.
fn counted(scene: &mut Scene) -> Arc<AtomicU64> {
    let sent = Arc::new(AtomicU64::new(0));
    let count = sent.clone();
    scene.between = Some(Arc::new(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        None
    }));
    sent
}

/// Takes seven rows out of the raw tables, and changes five others.
fn meddle(scene: &Scene) {
    scene.memory.meddle("merge_requests", |place, row| {
        (place % 200 != 3 || place > 1200).then_some(row)
    });
    scene
        .memory
        .meddle("pipelines", |place, row| (place != 5).then_some(row));
    scene.memory.meddle("issues", |place, mut row| {
        let updated = scene
            .streams
            .named("issues")
            .table
            .position("updated_at")
            .expect("a column");
        if let (0..5, Value::Time(at)) = (place, &mut row[updated]) {
            *at -= 1_000_000;
        }
        Some(row)
    });
}

async fn verify(scene: &Scene) -> (Verified, usize) {
    let scope = scene.stand.with_world(|world| scope_of(world, scene.single));
    let (complete, warnings, verified) = scene.sync_of(scope).await;
    assert!(complete);
    (verified.expect("it was asked for"), warnings.len())
}

#[tokio::test(start_paused = true)]
async fn of_a_thousand_projects_a_comparison_names_exactly_what_differs_and_repairs_it_in_few_requests() {
    let mut scene = Scene::new(1000, 1500);
    let usual = scene.streams.all().filter(|stream| stream.usual).map(Stream::name);
    scene.options = Options::of_streams(usual);
    scene.request.reconcile = false;
    let sent = counted(&mut scene);
    assert!(scene.sync().await);
    let full = sent.swap(0, Ordering::Relaxed);
    // As every later sync leaves it: the list's pages are known.
    scene.stand.wait(Duration::from_secs(3600));
    assert!(scene.sync().await);
    scene.request.verify = true;
    sent.store(0, Ordering::Relaxed);
    assert_eq!(verify(&scene).await, (Verified::default(), 0));
    let cost = sent.swap(0, Ordering::Relaxed);
    // What GitLab is, the projects, and a request for each of the lists of all of them.
    assert_eq!(cost, 5);
    assert!(cost * 50 <= full, "a full sync takes {full} requests");

    let before =
        BTreeMap::from(["merge_requests", "issues", "pipelines"].map(|table| (table, scene.memory.rows(table))));
    meddle(&scene);
    let lost: usize = before
        .iter()
        .map(|(table, rows)| rows.len() - scene.memory.rows(table).len())
        .sum();
    assert_eq!(lost, 7, "the test proves nothing");
    for _ in 0..3 {
        scene.stand.apply(&Change::of(Kind::DeleteProject));
    }
    let (found, warnings) = verify(&scene).await;
    let counts = [&found.missing, &found.changed, &found.gone, &found.hidden].map(Vec::len);
    assert_eq!((counts, warnings), ([7, 5, 0, 3], 1), "{found:?}");
    assert!(
        found.changed.iter().all(|address| address.contains("/-/issues/")),
        "{found:?}"
    );
    for (table, rows) in before {
        let text = |rows: Vec<serde_json::Value>| {
            let mut texts: Vec<String> = rows.iter().map(ToString::to_string).collect();
            texts.sort_unstable();
            texts
        };
        assert!(text(scene.memory.rows(table)) == text(rows), "{table} is not as it was");
    }
    let (again, _) = verify(&scene).await;
    assert_eq!(
        [&again.missing, &again.changed, &again.gone].map(Vec::len),
        [0; 3],
        "{again:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn one_project_below_a_group_is_compared_synced_and_refreshed_alone() {
    let mut scene = Scene::new(6, 90);
    assert!(scene.sync().await);
    let project = scene.memory.rows("merge_requests")[0]["project_id"]
        .as_i64()
        .expect("an id");
    let path = scene.stand.with_world(|world| {
        let found = world.projects.iter().find(|row| row.id as i64 == project);
        found.expect("it is there").full_path()
    });
    let alone = Scope::Projects(Projects {
        name: format!("project:{path}"),
        paths: BTreeMap::from([(project, path)]),
    });
    let place = scene
        .streams
        .named("merge_requests")
        .table
        .position("project_id")
        .expect("a column");
    let all = scene.memory.rows("merge_requests").len();
    let of_project = |scene: &Scene| {
        let rows = scene.memory.rows("merge_requests");
        rows.iter().filter(|row| row["project_id"] == json!(project)).count()
    };
    let its = of_project(&scene);
    assert!(its > 1 && its < all);
    let lose_all = |scene: &Scene| scene.memory.meddle("merge_requests", |_, _| None);
    // Alone it goes on where its group is.
    scene.request.reconcile = false;
    scene.stand.wait(Duration::from_secs(3600));
    lose_all(&scene);
    assert!(scene.sync_of(alone.clone()).await.0);
    assert_eq!(scene.memory.rows("merge_requests").len(), 0);
    scene.request.verify = true;
    let (_, _, verified) = scene.sync_of(alone.clone()).await;
    assert_eq!(verified.expect("it was asked for").missing.len(), its);
    assert_eq!(scene.memory.rows("merge_requests").len(), its);
    scene.request.verify = false;
    scene.request.full_refresh = true;
    scene
        .memory
        .meddle("merge_requests", |_, row| (row[place] == Value::Int(-1)).then_some(row));
    assert!(scene.sync_of(alone).await.0);
    assert_eq!(
        (of_project(&scene), scene.memory.rows("merge_requests").len()),
        (its, its)
    );
}

#[tokio::test(start_paused = true)]
async fn lists_that_come_only_whole_are_compared_and_repaired_where_a_scope_is_named() {
    let mut scene = Scene::new(3, 60);
    let lists = ["environments", "branches", "labels"];
    scene.options.streams.extend(lists.map(ToOwned::to_owned));
    assert!(scene.sync().await);
    scene.stand.wait(Duration::from_secs(3600));
    let rows_of = |scene: &Scene, table: &str| {
        let rows = scene.memory.rows(table);
        rows.iter()
            .map(ToString::to_string)
            .collect::<std::collections::BTreeSet<_>>()
    };
    let before = lists.map(|table| rows_of(&scene, table));
    let place = |scene: &Scene, table: &str, column: &str| {
        let table = &scene.streams.named(table).table;
        table.position(column).expect("a column")
    };
    let (updated, project) = (
        place(&scene, "environments", "updated_at"),
        place(&scene, "labels", "project_id"),
    );
    scene.memory.meddle("environments", |nth, mut row| {
        if let (1, Value::Time(at)) = (nth, &mut row[updated]) {
            *at -= 1_000_000;
        }
        Some(row)
    });
    scene.memory.meddle("branches", |nth, row| (nth != 2).then_some(row));
    let mut lost = false;
    scene.memory.meddle("labels", |_, row| {
        let is_lost = !lost && row[project] != Value::Null;
        lost |= is_lost;
        (!is_lost).then_some(row)
    });
    scene.request.verify = true;
    // All of them would cost as much as a full sync.
    assert_eq!(verify(&scene).await, (Verified::default(), 0));
    scene.request.scopes = vec!["acme".to_owned()];
    let (found, warnings) = verify(&scene).await;
    let named = |names: &[String], stream: &str| names.len() == 1 && names[0].starts_with(stream);
    assert!(named(&found.changed, "environments ") && warnings == 0, "{found:?}");
    let (branches, labels): (Vec<_>, Vec<_>) = found
        .missing
        .into_iter()
        .partition(|name| name.starts_with("branches "));
    assert!(
        named(&branches, "branches ") && named(&labels, "labels "),
        "{branches:?} {labels:?}"
    );
    assert_eq!(lists.map(|table| rows_of(&scene, table)), before);
    assert_eq!(verify(&scene).await, (Verified::default(), 0));
    let entries = scene.memory.ledger().0.into_iter();
    assert!(entries.into_iter().all(|entry| entry.is_equal() == Some(true)));
}
