//! What a replica that lags behind does to rows that are read in more than one request.

use std::sync::atomic::{AtomicBool, Ordering};

use gitlab_sim::changes::{Change, Kind};
use gitlab_sim::data::State;

use super::*;
use crate::gitlab::Call;
use crate::sync::simulation::scene::Scene;

#[tokio::test(start_paused = true)]
async fn a_deleted_note_that_a_lagging_replica_still_shows_is_found_gone() {
    let mut scene = Scene::new(1, 20);
    let (path, iid) = scene.stand.with_world(|world| {
        let open = |row: &&gitlab_sim::data::MergeRequest| row.state == State::Opened && !row.hidden;
        let row = world.merge_requests.iter().find(open).expect("an open one");
        let project = world.projects.iter().find(|project| project.id == row.project);
        (project.expect("its project").full_path(), row.iid)
    });
    let change = |kind| Change {
        project: Some(path.clone()),
        iid: Some(iid),
        ..Change::of(kind)
    };
    // More than come with the row.
    for _ in 0..40 {
        scene.stand.apply(&change(Kind::Comment));
    }
    // Nobody reads it again for being open.
    scene.stand.apply(&change(Kind::Close));
    let replica = FakeGitlab::new(scene.stand.with_world(Clone::clone), 5);
    scene.stand.apply(&change(Kind::DeleteNote));
    let lagged = AtomicBool::new(false);
    scene.between = Some(Arc::new(move |call| match call {
        Call::Query(body)
            if body["query"].as_str()?.starts_with("query Notes(") && !lagged.swap(true, Ordering::Relaxed) =>
        {
            let (status, _, body) = replica.answer(call);
            let body: &'static str = String::from_utf8(body).expect("JSON").leak();
            Some((status, body))
        }
        _ => None,
    }));
    // Nor because syncs overlap.
    scene.stand.wait(Duration::from_secs(3600));
    scene.request.reconcile = false;
    assert!(scene.sync().await);
    let with_the_deleted_one = scene.memory.rows("mr_notes").len();
    // The next day's look.
    scene.request.reconcile = true;
    assert!(scene.sync().await);
    assert_eq!(scene.memory.rows("mr_notes").len() + 1, with_the_deleted_one);
    scene.assert_equal();
}
