//! Doing a fault to a reply.

use serde_json::{Value, json};

use super::call::{End, Reply};
use super::faults::Fault;
use super::mangle;
use super::rate::too_many;
use crate::instant::{self, SECOND};

/// GitLab's own words for what goes wrong most often.
const TIMED_OUT: &str = "Request timed out. Please try a less complex query or a smaller set of records.";
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n\
    <body><h1>502 Bad Gateway</h1><p>The server is not responding.</p></body></html>\n";

/// The reply that is sent instead of `reply`. `graphql` is false for the REST endpoints.
pub fn done_to(reply: Reply, fault: &Fault, graphql: bool) -> Reply {
    match fault {
        Fault::Status {
            status,
            retry_after,
            body,
        } => status_reply(*status, *retry_after, body.as_ref(), graphql),
        Fault::Reset => Reply {
            end: End::Reset,
            ..reply
        },
        Fault::Truncate => Reply {
            end: End::Half,
            ..reply
        },
        Fault::Hang { .. } => reply,
        Fault::InvalidJson => Reply {
            body: reply.body.slice(..reply.body.len() / 2),
            ..reply
        },
        Fault::Html { status } => Reply::new(status.unwrap_or(502), "text/html", PAGE),
        Fault::Partial if graphql => partial(reply),
        Fault::Partial => status_reply(500, None, None, false),
        Fault::ExpiredToken => unauthorized(graphql, true),
        Fault::Null { seed } => mangled(reply, |body| mangle::null(body, *seed)),
        Fault::WrongType { seed } => mangled(reply, |body| mangle::wrong_type(body, *seed)),
        Fault::MissingPage => mangled(reply, mangle::missing_page),
        Fault::NoLink { bare } => without_links(reply, *bare),
        // Another reply takes its place before this one is damaged.
        Fault::RepeatedPage => reply,
    }
}

fn without_links(mut reply: Reply, bare: bool) -> Reply {
    let is_about_pages = |name: &str| name == "link" || (bare && name.starts_with("x-"));
    reply.headers.retain(|(name, _)| !is_about_pages(name));
    reply
}

fn mangled(reply: Reply, mangle: impl FnOnce(&mut Value)) -> Reply {
    let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) else {
        return reply;
    };
    mangle(&mut body);
    Reply {
        body: body.to_string().into(),
        ..reply
    }
}

/// 401 as GitLab words it: GraphQL does not tell why.
pub fn unauthorized(graphql: bool, expired: bool) -> Reply {
    match (graphql, expired) {
        (true, _) => Reply::graphql_error(401, "Invalid token"),
        (false, false) => Reply::json(401, &json!({"message": "401 Unauthorized"})),
        (false, true) => Reply::json(
            401,
            &json!({
                "error": "invalid_token",
                "error_description":
                    "Token is expired. You can either do re-authorization or token refresh.",
            }),
        ),
    }
}

pub fn status_reply(status: u16, retry_after: Option<u64>, body: Option<&Value>, graphql: bool) -> Reply {
    let mut reply = match (status, body) {
        (_, Some(Value::String(text))) => Reply::new(status, "text/plain", text.clone()),
        (_, Some(body)) => Reply::json(status, body),
        (429, None) => {
            let wait = retry_after.unwrap_or(1);
            let mut reply = too_many(wait, instant::now() + wait as i64 * SECOND);
            // GitLab's second limiter does not say when to come back.
            reply
                .headers
                .retain(|(name, _)| retry_after.is_some() || *name != "retry-after");
            return reply;
        }
        (503, None) => Reply::graphql_error(503, TIMED_OUT),
        (500, None) if graphql => Reply::graphql_error(500, "Internal server error"),
        (403, None) if graphql => Reply::graphql_error(403, "API not accessible for user"),
        (401, None) => unauthorized(graphql, false),
        (_, None) => Reply::json(status, &json!({"message": format!("{status} {}", reason(status))})),
    };
    if let Some(seconds) = retry_after {
        reply.headers.push(("retry-after", seconds.to_string()));
    }
    reply
}

fn reason(status: u16) -> &'static str {
    hyper::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Error")
}

/// What GitLab answers when a field took too long: the last node of the first list is missing, and an error says so.
fn partial(reply: Reply) -> Reply {
    let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) else {
        return reply;
    };
    let answer = match &mut body {
        Value::Array(several) => several.last_mut(),
        single => Some(single),
    };
    if let Some(answer) = answer {
        let mut path = Vec::new();
        if !punch(&mut answer["data"], &mut path) {
            path.clear();
            if let Some((key, value)) = answer["data"].as_object_mut().and_then(|data| data.iter_mut().next()) {
                path.push(Value::from(key.as_str()));
                *value = Value::Null;
            }
        }
        answer["errors"] = json!([{"message": "Timeout on MergeRequest.diffStatsSummary", "path": path}]);
    }
    Reply {
        body: body.to_string().into(),
        ..reply
    }
}

/// Makes a hole in the first list that has something in it; tells where.
fn punch(value: &mut Value, path: &mut Vec<Value>) -> bool {
    match value {
        Value::Array(items) => {
            let Some(last) = items.len().checked_sub(1) else {
                return false;
            };
            items[last] = Value::Null;
            path.push(Value::from(last));
            true
        }
        Value::Object(fields) => fields.iter_mut().any(|(key, inner)| {
            path.push(Value::from(key.as_str()));
            let punched = punch(inner, path);
            if !punched {
                path.pop();
            }
            punched
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_answer_has_a_hole_and_says_where() {
        let whole = json!({"data": {"group": {"id": "1", "list": {"nodes": [{"a": 1}, {"a": 2}]}}}});
        let reply = done_to(Reply::json(200, &whole), &Fault::Partial, true);
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(body["data"]["group"]["list"]["nodes"], json!([{"a": 1}, null]));
        assert_eq!(body["errors"][0]["path"], json!(["group", "list", "nodes", 1]));

        let bare = json!({"data": {"me": {"id": "1"}}});
        let reply = done_to(Reply::json(200, &bare), &Fault::Partial, true);
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(
            (&body["data"]["me"], &body["errors"][0]["path"]),
            (&Value::Null, &json!(["me"]))
        );
    }
}
