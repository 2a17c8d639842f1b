//! GitLab's connections: lists that are cut into pages.

use serde_json::Value as Json;

/// A connection's nodes, without those that are null.
pub fn nodes_of(connection: &mut Json) -> Vec<Json> {
    match connection.get_mut("nodes").map(Json::take) {
        Some(Json::Array(nodes)) => nodes.into_iter().filter(|node| !node.is_null()).collect(),
        _ => Vec::new(),
    }
}

/// Where a connection goes on; `None` at its end.
pub fn next_of(connection: &Json) -> Option<String> {
    let info = &connection["pageInfo"];
    let end = info["endCursor"].as_str().filter(|_| info["hasNextPage"] == true)?;
    Some(end.to_owned())
}
