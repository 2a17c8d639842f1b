//! `/users`, one of them, and users within other answers.

use serde_json::{Value, json};

use super::format::time;
use super::page::Length;
use super::request::{Call, Reply};
use crate::data::{BASE_URL, User};

/// The newest first.
pub fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    let wanted = call.argument("username");
    let rows = call.world().users.iter().rev();
    let rows = rows.filter(|user| wanted.is_none_or(|wanted| user.username == wanted));
    call.page(rows, Length::Told, |user| full(user))
}

pub fn one(call: &Call<'_>) -> Result<Reply, Reply> {
    let user = call.names[0].parse().ok().and_then(|id| call.world().users.get(id));
    let user = user.ok_or_else(|| Reply::not_found("User"))?;
    Ok(Reply::of(full(user)))
}

/// A user as it stands in most answers.
pub fn basic(user: &User) -> Value {
    json!({
        "id": user.id, "username": user.username, "public_email": user.public_email, "name": user.name,
        "state": user.state, "locked": false, "avatar_url": null, "web_url": format!("{BASE_URL}/{}", user.username),
    })
}

/// A user as the token, which is no administrator's, sees it.
pub fn full(user: &User) -> Value {
    let mut body = basic(user);
    body["created_at"] = Value::from(time(user.created_at));
    body["bot"] = Value::from(user.bot);
    for absent in [
        "bio",
        "location",
        "linkedin",
        "twitter",
        "website_url",
        "organization",
        "job_title",
    ] {
        body[absent] = Value::from("");
    }
    body
}
