//! What belongs to something that is gone is gone too.

use mergemind_shared::warehouse::{SoftDelete, Within};

use crate::streams::Stream;
use crate::sync::rows::Rows;
use crate::sync::session::Session;

/// Marks it.
pub fn mark<'a>(session: &Session<'a>, rows: &mut Rows<'a>) {
    for (column, parent) in PARENTS {
        for stream in session.streams.all().filter(|stream| session.on(stream.name())) {
            if stream.name() != parent && session.on(parent) && parents_of(stream).any(|known| known == column) {
                rows.soft_deletes.push(SoftDelete {
                    table: &stream.table,
                    within: vec![Within::ParentGone(column, parent)],
                    present: Vec::new(),
                });
            }
        }
    }
}

/// Columns that name a parent, and the parents' streams, from above to below: what is marked on the way
/// reaches its own children too.
const PARENTS: [(&str, &str); 5] = [
    ("group_id", "groups"),
    ("project_id", "projects"),
    ("epic_id", "epics"),
    ("merge_request_id", "merge_requests"),
    ("issue_id", "issues"),
];

/// The columns that name a row's nearest parents: not the project of what belongs to a merge request.
fn parents_of(stream: &Stream) -> impl Iterator<Item = &'static str> {
    let has = |column: &str| stream.table.position(column).is_some();
    let columns = PARENTS.map(|(column, _)| column);
    let below = columns[2..].iter().any(|column| has(column));
    let nearest = if below { 2 } else { 0 };
    columns.into_iter().skip(nearest).filter(move |column| has(column))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::Streams;

    #[test]
    fn rows_have_their_nearest_parents() {
        let streams = Streams::new();
        let of = |name| Vec::from_iter(parents_of(streams.named(name)));
        assert_eq!(of("labels"), ["group_id", "project_id"]);
        assert_eq!(of("mr_notes"), ["merge_request_id"]);
        assert_eq!(of("epic_issues"), ["epic_id", "issue_id"]);
        assert_eq!(of("group_members"), ["group_id"]);
        assert_eq!(of("jobs"), ["project_id"]);
    }
}
