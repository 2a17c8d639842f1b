use serde_json::json;

use super::*;

#[test]
fn a_later_whole_replaces_what_came_before() {
    let streams = Streams::new();
    let labels = streams.named("mr_labels");
    let label = |id: i64| json!({"id": format!("gid://gitlab/ProjectLabel/{id}"), "title": "x", "_parent": {"id": "gid://gitlab/MergeRequest/7", "projectId": 1}});
    let mut rows = Rows::default();
    rows.map(labels, &label(1));
    rows.complete(labels, 7);
    let mut later = Rows::default();
    later.map(labels, &label(2));
    later.complete(labels, 7);
    rows.append(later, &streams);
    let (batches, _) = rows.into_batches(&streams);
    assert_eq!(batches.len(), 1);
    assert_eq!(
        batches[0].rows.len(),
        1,
        "the label that was taken off does not come back"
    );
}

#[test]
fn a_row_that_is_forgotten_takes_along_what_belongs_to_it() {
    let streams = Streams::new();
    let label = |parent: i64| json!({"id": "gid://gitlab/ProjectLabel/1", "title": "x", "_parent": {"id": format!("gid://gitlab/MergeRequest/{parent}"), "projectId": 1}});
    let mut rows = Rows::default();
    for parent in [7, 8] {
        rows.map(streams.named("mr_labels"), &label(parent));
        rows.complete(streams.named("mr_labels"), parent);
        rows.complete(streams.named("mr_assignees"), parent);
    }
    rows.forget(&streams, streams.named("merge_requests"), &BTreeSet::from([7]));
    let (batches, _) = rows.into_batches(&streams);
    let told = batches.iter().map(|batch| {
        (
            batch.rows.len(),
            batch.complete_set.as_ref().map(|set| set.parents.clone()),
        )
    });
    assert_eq!(Vec::from_iter(told), [(0, Some(vec![8])), (1, Some(vec![8]))]);
}

#[test]
fn a_rejected_row_does_not_delete_what_is_stored() {
    let streams = Streams::new();
    let notes = streams.named("mr_notes");
    let parent = json!({"id": "gid://gitlab/MergeRequest/7", "projectId": 1});
    let mut rows = Rows::default();
    rows.map(
        notes,
        &json!({"id": "gid://gitlab/Note/1", "system": "perhaps", "_parent": parent}),
    );
    rows.complete(notes, 7);
    let (batches, _) = rows.into_batches(&streams);
    assert_eq!(batches.len(), 1);
    assert_eq!(batches[0].table.name, "_rejected");
}
