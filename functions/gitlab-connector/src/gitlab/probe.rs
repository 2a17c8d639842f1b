//! What this GitLab is, and which fields it lacks.

use std::collections::HashSet;

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Client, Error};

/// What a sync needs to know about a GitLab.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Such as `19.2.1`.
    pub version: String,
    /// Whether it is the Enterprise Edition, licensed or not.
    pub enterprise: bool,
    /// The fields of its type `MergeRequest`.
    pub merge_request_fields: HashSet<String>,
    /// Its clock at the time of asking.
    pub at: OffsetDateTime,
}

/// An unknown field fails a whole query, so the schema is asked first.
const QUERY: &str = r#"query Probe { currentUser { id } metadata { version enterprise } __type(name: "MergeRequest") { fields { name } } }"#;

/// Asks GitLab about itself.
///
/// # Errors
/// If the token is refused, or GitLab can't be asked.
pub async fn probe(client: &Client) -> Result<Instance, Error> {
    let reply = client.ask("probe", QUERY, json!({})).await?;
    let data = reply.data;
    if data["currentUser"].is_null() {
        return Err(Error::Unauthorized("it belongs to nobody".into()));
    }
    let fields: HashSet<String> = data["__type"]["fields"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|field| field["name"].as_str().map(ToOwned::to_owned))
        .collect();
    if fields.is_empty() {
        return Err(Error::Unexpected("its schema has no type MergeRequest".into()));
    }
    let text = |value: &Value| value.as_str().unwrap_or("unknown").to_owned();
    Ok(Instance {
        version: text(&data["metadata"]["version"]),
        enterprise: data["metadata"]["enterprise"].as_bool().unwrap_or(false),
        merge_request_fields: fields,
        at: reply.at,
    })
}
