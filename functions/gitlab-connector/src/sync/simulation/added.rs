//! A stream is one file: one of each kind, as CONTRIBUTING shows them, is added to a copy of the list and synced.

use mergemind_shared::warehouse::Kind::{Int64, String as Text};
use serde_json::Value as Json;

use super::*;
use crate::streams::{Of, Read, Rest, Shape, field};
use crate::sync::simulation::scene::Scene;

/// Nodes that GraphQL gives with each merge request.
fn mr_participants() -> Stream {
    Stream::new(
        Shape {
            name: "mr_participants",
            description: "Users asked for a review of a merge request.",
            key: &["merge_request_id", "user_id"],
            read: Read::Within {
                of: "merge_requests",
                at: "reviewers",
                ask: "",
            },
            parent: Some("merge_request_id"),
            users: &["user_id"],
            ..Shape::default()
        },
        vec![
            field("merge_request_id", Int64, "The merge request.", |n| n.id("_parent.id")),
            field("user_id", Int64, "The user.", |n| n.id("id")),
        ],
    )
}

/// A list of the REST API that each project has.
fn project_releases() -> Stream {
    Stream::new(
        Shape {
            name: "project_releases",
            description: "Releases of projects.",
            key: &["project_id", "tag_name"],
            read: Read::Rest(Rest {
                of: Of::Project,
                path: "projects/{owner}/releases",
                query: "",
                part: None,
            }),
            usual: false,
            parent: Some("project_id"),
            ..Shape::default()
        },
        vec![
            field("project_id", Int64, "The project.", |n| n.id("_parent.id")),
            field("tag_name", Text, "The tag.", |n| n.text("tag_name")),
        ],
    )
}

fn streams() -> Streams {
    Streams::new().with(vec![mr_participants(), project_releases()])
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_each_kind_that_is_added_to_the_list_is_synced() {
    let mut scene = Scene::new(2, 30);
    (scene.streams, scene.memory) = (streams(), Memory::of(5, streams()));
    for name in ["mr_participants", "project_releases", "releases"] {
        scene.options.streams.insert(name.to_owned());
    }
    assert!(scene.sync().await);
    let keys = |table: &str, columns: [&str; 2]| {
        let rows = scene.memory.rows(table).into_iter();
        let mut keys: Vec<[Json; 2]> = rows.map(|row| columns.map(|column| row[column].clone())).collect();
        keys.sort_by_key(|key| format!("{key:?}"));
        keys
    };
    for (added, known, columns) in [
        ("mr_participants", "mr_reviewers", ["merge_request_id", "user_id"]),
        ("project_releases", "releases", ["project_id", "tag_name"]),
    ] {
        assert!(!keys(added, columns).is_empty(), "{added} has no rows");
        assert_eq!(keys(added, columns), keys(known, columns), "{added}");
    }
    scene.assert_equal();
}
