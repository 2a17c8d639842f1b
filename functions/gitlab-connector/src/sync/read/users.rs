//! The users that a page refers to.

use serde_json::json;

use crate::gitlab::{self, Parts, gid};
use crate::sync::lock::lock;
use crate::sync::rows::Rows;
use crate::sync::session::Session;

const PAGE: usize = 100;

/// Adds the rows of users that these rows refer to and this sync has not committed yet. Users whom GitLab does not show are left out.
pub async fn add<'a>(session: &Session<'a>, rows: &mut Rows<'a>) -> Result<(), gitlab::Error> {
    let wanted = rows.user_ids(session.streams);
    add_these(session, wanted, rows).await
}

/// Adds the rows of these users, as far as this sync has not committed them yet.
pub async fn add_these<'a>(
    session: &Session<'a>,
    wanted: impl IntoIterator<Item = i64>,
    rows: &mut Rows<'a>,
) -> Result<(), gitlab::Error> {
    let mut unknown: Vec<i64> = {
        let known = lock(&session.known_users);
        let asked = &rows.users_asked;
        let wanted = wanted.into_iter();
        wanted.filter(|id| !known.contains(id) && !asked.contains(id)).collect()
    };
    unknown.sort_unstable();
    let users = session.streams.named("users");
    let query = format!(
        "query Users($ids: [ID!]) {{ users(ids: $ids, first: {PAGE}) {{ nodes {{ {} }} }} }}",
        session.selection(users)
    );
    let mut parts = Parts::of(&unknown, PAGE);
    while let Some(ids) = parts.next() {
        let gids: Vec<String> = ids.iter().map(|id| gid("User", *id)).collect();
        let reply = match session.client.ask("users", &query, json!({"ids": gids})).await {
            Ok(reply) => reply,
            Err(error) => {
                parts.halve(ids, error)?;
                continue;
            }
        };
        for node in reply.data["users"]["nodes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|node| !node.is_null())
        {
            rows.map(users, node);
        }
        rows.users_asked.extend(ids);
    }
    Ok(())
}
