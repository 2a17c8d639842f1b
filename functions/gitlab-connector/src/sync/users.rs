//! The users that a page refers to.

use std::sync::PoisonError;

use serde_json::json;

use super::context::Context;
use super::rows::Rows;
use crate::gitlab;
use crate::streams::gid;

const PAGE: usize = 100;

/// Adds the rows of users that this sync has not fetched yet. Users whom GitLab does not show are left out.
pub async fn add(context: &Context<'_>, rows: &mut Rows) -> Result<(), gitlab::Error> {
    let streams = &context.inner.streams;
    let wanted = rows.user_ids(streams);
    let mut unknown: Vec<i64> = {
        let known = context.known_users.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.into_iter().filter(|id| !known.contains(id)).collect()
    };
    unknown.sort_unstable();
    let query = format!(
        "query Users($ids: [ID!]) {{ users(ids: $ids, first: {PAGE}) {{ nodes {{ {} }} }} }}",
        streams.users.selection(|_| true)
    );
    for ids in unknown.chunks(PAGE) {
        let gids: Vec<String> = ids.iter().map(|id| gid("User", *id)).collect();
        let reply = context.inner.client.ask("users", &query, json!({"ids": gids})).await?;
        for node in reply.data["users"]["nodes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|node| !node.is_null())
        {
            rows.map(&streams.users, node);
        }
        context
            .known_users
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(ids);
    }
    Ok(())
}
