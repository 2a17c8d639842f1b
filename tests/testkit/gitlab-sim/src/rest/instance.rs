//! What concerns the instance and the token.

use serde_json::json;

use super::request::{Call, Reply, Request};
use crate::graphql;
use crate::instant::{self, DAY};

const SELF: &str = "/personal_access_tokens/self";

pub fn version(call: &Call<'_>) -> Result<Reply, Reply> {
    Ok(Reply::of(
        json!({"version": call.world().version.number(), "revision": graphql::REVISION}),
    ))
}

pub fn metadata(call: &Call<'_>) -> Result<Reply, Reply> {
    Ok(Reply::of(json!({
        "version": call.world().version.number(), "revision": graphql::REVISION, "enterprise": call.world().enterprise,
        "kas": {"enabled": false, "externalUrl": null, "version": null},
    })))
}

pub fn token(call: &Call<'_>) -> Result<Reply, Reply> {
    let (token, now) = (call.request.token, call.request.now);
    Ok(Reply::of(json!({
        "id": 1, "name": "MergeMind", "revoked": false, "active": true, "scopes": token.scopes,
        "user_id": call.world().token_user, "created_at": instant::print(now - 30 * DAY),
        "last_used_at": instant::print(now), "expires_at": token.expires_at.map(instant::print_date),
    })))
}

/// GitLab's refusal of a token that may not read; any token may ask what it is itself.
pub fn refusal(request: &Request<'_>, template: &str) -> Option<Reply> {
    let allowed = request.token.can_read() || template == SELF;
    (!allowed).then(|| Reply {
        status: 403,
        ..Reply::of(json!({
            "error": "insufficient_scope",
            "error_description": "The request requires higher privileges than provided by the access token.",
            "scope": "api read_api",
        }))
    })
}

impl super::Token {
    /// Whether one of the scopes lets read.
    pub fn can_read(&self) -> bool {
        self.scopes.iter().any(|scope| scope == "api" || scope == "read_api")
    }
}
