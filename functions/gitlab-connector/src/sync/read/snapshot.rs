//! Groups, labels and milestones: read whole from time to time, and when a row refers to one that is not
//! there. GitLab cannot list only those that changed.

mod owned;
mod seen;

use mergemind_shared::warehouse::{SoftDelete, Within};

use crate::gitlab::{self, Connection};
use crate::streams::{Node, groups, projects};
use crate::sync::error::Error;
use crate::sync::read::ancestors;
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::session::Session;
use crate::sync::state::SnapshotState;
use owned::{ListOwner, Snapshot};
use seen::SeenRows;

/// Reads all of a scope in one step: there are few of them.
///
/// # Errors
/// If GitLab still fails after retries; nothing of the step is committed then.
pub async fn step<'a>(
    session: &Session<'a>,
    scope: &Scope,
    state: &SnapshotState,
) -> Result<(Rows<'a>, SnapshotState), Error> {
    let mut rows = Rows::default();
    let mut seen = SeenRows::default();
    let snapshot = Snapshot {
        session,
        scope,
        // A first sync leaves the ledger to the first look at what is gone.
        is_entered: state.complete_until.is_some() || session.is_comparing(),
    };
    match scope {
        Scope::Group(path) => {
            let of_scope = gitlab::Owner::Group(path.clone());
            let mut found = snapshot.one_by_one(ListOwner::Group, vec![of_scope.clone()]).await?;
            if found.is_empty() {
                return Err(gitlab::Error::ScopeNotFound(scope.to_string()).into());
            }
            let below = Connection::new(of_scope.clone(), "descendantGroups");
            let below = snapshot.all(ListOwner::Group, below).await?;
            found.extend(below.found);
            let shown = found.iter().filter_map(|group| Node::new(&group.node).number("id"));
            // What GitLab fails at is there.
            let present = shown.chain(below.failing).collect();
            for group in &found {
                rows.map(session.streams.named(groups::NAME), &group.node);
            }
            snapshot.take(ListOwner::Group, found, &mut rows, &mut seen).await?;
            if below.is_whole {
                rows.soft_deletes.push(SoftDelete {
                    table: &session.streams.named(groups::NAME).table,
                    within: vec![Within::Below("full_path", path.clone())],
                    present,
                });
            }
            let list = Connection::new(of_scope, projects::LIST).with_all_below();
            let found = snapshot.all(ListOwner::Project, list).await?.found;
            snapshot.take(ListOwner::Project, found, &mut rows, &mut seen).await?;
        }
        Scope::Projects(named) => {
            let list =
                Connection::new(gitlab::Owner::GitLab, projects::LIST).ids("Project", named.paths.keys().copied());
            let found = snapshot.all(ListOwner::Project, list).await?.found;
            snapshot.take(ListOwner::Project, found, &mut rows, &mut seen).await?;
        }
    }
    ancestors::add(session, scope, &mut rows).await?;
    seen.soft_delete_into(session, &mut rows);
    let began = session.instance.at;
    let next = SnapshotState {
        complete_until: Some(state.complete_until.map_or(began, |before| before.max(began))),
    };
    Ok((rows, next))
}
