//! The users that a page refers to.

use crate::gitlab::{self, Connection, Owner, Purpose, fetch_one};
use crate::streams::users;
use crate::sync::lock::lock;
use crate::sync::rows::Rows;
use crate::sync::session::Session;

/// Adds the rows of users that these rows refer to and this sync has not committed yet. Users whom GitLab does not show are left out.
///
/// # Errors
/// If GitLab fails at more than single users.
pub async fn add<'a>(session: &Session<'a>, rows: &mut Rows<'a>) -> Result<(), gitlab::Error> {
    let wanted = rows.user_ids(session.streams);
    add_these(session, wanted, rows).await
}

/// Adds the rows of these users, as far as this sync has not committed them yet.
///
/// # Errors
/// If GitLab fails at more than single users.
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
    let stream = session.streams.named(users::NAME);
    let list = Connection::new(Owner::GitLab, users::LIST)
        .ids("User", unknown.iter().copied())
        .nodes(session.fields(stream));
    let page = fetch_one(session.client, &Purpose::new(users::NAME, "Users"), list).await?;
    for node in &page.nodes {
        rows.map(stream, node);
    }
    session.warn_left_out(&users::NAME, &page.left_out);
    rows.users_asked.extend(unknown);
    Ok(())
}
