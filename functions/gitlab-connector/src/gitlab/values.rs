//! GitLab's forms of ids, times and lists. See docs/gitlab.md#types.

use serde_json::Value as Json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The number at the end of a global id.
pub fn number_of(global_id: &str) -> Option<i64> {
    global_id.rsplit('/').next()?.parse().ok()
}

/// A global id, such as `gid://gitlab/User/7`.
pub fn gid(kind: &str, number: i64) -> String {
    format!("gid://gitlab/{kind}/{number}")
}

/// A time as GitLab takes it.
pub fn text_of(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).expect("years after 0 have a form")
}

/// A time that GitLab gave.
pub fn time_of(node: &Json, field: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(node[field].as_str()?, &Rfc3339).ok()
}

/// The nodes of a list within a node, without those that are null.
pub fn nodes_of(connection: &mut Json) -> Vec<Json> {
    match connection.get_mut("nodes").map(Json::take) {
        Some(Json::Array(nodes)) => nodes.into_iter().filter(|node| !node.is_null()).collect(),
        _ => Vec::new(),
    }
}
