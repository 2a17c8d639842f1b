//! What belongs to something that is gone is gone too.

use mergemind_shared::warehouse::{SoftDelete, Within};

use crate::streams::{GROUP, PROJECT, Stream, Streams};
use crate::sync::rows::Rows;
use crate::sync::session::Session;

/// Marks it, from above to below: what is marked on the way reaches its own children too.
pub fn mark<'a>(session: &Session<'a>, rows: &mut Rows<'a>) {
    let on = || session.streams.all().filter(|stream| session.on(stream.name()));
    for (parent, column) in on().filter_map(|parent| Some((parent, parent.named_by?))) {
        for stream in on().filter(|stream| stream.name() != parent.name()) {
            if parents_of(stream, session.streams).contains(&column) {
                rows.soft_deletes.push(SoftDelete {
                    table: &stream.table,
                    within: vec![Within::ParentGone(column, parent.name())],
                    present: Vec::new(),
                });
            }
        }
    }
}

/// The columns that name a row's nearest parents: not the project of what belongs to a merge request.
fn parents_of(stream: &Stream, streams: &Streams) -> Vec<&'static str> {
    let has = |column: &&str| stream.table.position(column).is_some();
    let columns = streams.all().filter_map(|parent| parent.named_by).filter(has);
    let (owners, rows): (Vec<_>, Vec<_>) = columns.partition(|column| [GROUP, PROJECT].contains(column));
    if rows.is_empty() { owners } else { rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_their_nearest_parents() {
        let streams = Streams::new();
        let of = |name| parents_of(streams.named(name), &streams);
        assert_eq!(of("labels"), ["group_id", "project_id"]);
        assert_eq!(of("mr_notes"), ["merge_request_id"]);
        assert_eq!(of("epic_issues"), ["issue_id", "epic_id"]);
        assert_eq!(of("group_members"), ["group_id"]);
        assert_eq!(of("jobs"), ["project_id"]);
    }
}
