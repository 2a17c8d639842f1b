//! What this GitLab is, which fields it lacks, and which lists have not changed at all.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::gitlab::{Client, Error};

/// What a sync needs to know about a GitLab.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Such as `19.2.1`.
    pub version: String,
    /// Whether it is the Enterprise Edition, licensed or not.
    pub enterprise: bool,
    /// The fields of its types, by type.
    pub fields: HashMap<String, HashSet<String>>,
    /// Its clock at the time of asking.
    pub at: OffsetDateTime,
    /// Of the lists asked about, those without any row that was updated since: field and group.
    pub unchanged: Vec<(&'static str, String)>,
}

impl Instance {
    /// Whether a type has a field. What was not asked counts as there.
    pub fn has(&self, node_type: Option<&str>, field: &str) -> bool {
        let known = node_type.and_then(|name| self.fields.get(name));
        known.is_none_or(|fields| fields.contains(field))
    }
}

/// A list of a group, and since when a change in it counts.
#[derive(Clone, Debug)]
pub struct Changed {
    /// GitLab's field.
    pub field: &'static str,
    /// The group's full path.
    pub path: String,
    /// The time.
    pub since: OffsetDateTime,
}

/// Each list adds about 14 to the query's score; more of them are left for their passes to ask.
const MOST_LISTS: usize = 12;

/// Asks GitLab about itself: an unknown field fails a whole query, so the schema of `types` is asked
/// first. In the same request, asks whether there is any change in `lists`.
///
/// # Errors
/// If the token is refused, or GitLab can't be asked.
pub async fn probe(client: &Client, types: &[&str], lists: &[Changed]) -> Result<Instance, Error> {
    let (mut parameters, mut fields, mut variables) = (Vec::new(), String::new(), Map::new());
    for (index, name) in types.iter().enumerate() {
        fields.push_str(&format!(r#"t{index}: __type(name: "{name}") {{ fields {{ name }} }} "#));
    }
    let lists = &lists[..lists.len().min(MOST_LISTS)];
    for (index, list) in lists.iter().enumerate() {
        parameters.push(format!("$p{index}: ID!, $s{index}: Time"));
        fields.push_str(&format!(
            "c{index}: group(fullPath: $p{index}) {{ {}(includeSubgroups: true, includeArchived: true, updatedAfter: $s{index}, first: 1) {{ pageInfo {{ hasNextPage }} nodes {{ id }} }} }} ",
            list.field
        ));
        variables.insert(format!("p{index}"), json!(list.path));
        variables.insert(format!("s{index}"), json!(list.since.format(&Rfc3339).ok()));
    }
    let declared = if parameters.is_empty() {
        String::new()
    } else {
        format!("({})", parameters.join(", "))
    };
    let query = format!(
        "query Probe{declared} {{ currentUser {{ id }} metadata {{ version enterprise }} queryComplexity {{ limit }} {fields} }}"
    );
    let reply = client.ask("probe", &query, Value::Object(variables)).await?;
    let data = reply.data;
    if data["currentUser"].is_null() {
        return Err(Error::Unauthorized("it belongs to nobody".into()));
    }
    if let Some(limit) = data["queryComplexity"]["limit"].as_u64() {
        client.set_limit(u32::try_from(limit).unwrap_or(u32::MAX));
    }
    let known: HashMap<String, HashSet<String>> = types
        .iter()
        .enumerate()
        .filter_map(|(index, name)| {
            let fields = data[format!("t{index}")]["fields"].as_array()?;
            let names = fields.iter().filter_map(|field| field["name"].as_str());
            Some(((*name).to_owned(), names.map(ToOwned::to_owned).collect()))
        })
        .collect();
    if known.is_empty() && !types.is_empty() {
        return Err(Error::Unexpected(
            "its schema has none of the types that are needed".into(),
        ));
    }
    let unchanged = lists.iter().enumerate().filter(|(index, list)| {
        let found = &data[format!("c{index}")][list.field];
        found["nodes"].as_array().is_some_and(Vec::is_empty) && found["pageInfo"]["hasNextPage"] == false
    });
    let text = |value: &Value| value.as_str().unwrap_or("unknown").to_owned();
    Ok(Instance {
        version: text(&data["metadata"]["version"]),
        enterprise: data["metadata"]["enterprise"].as_bool().unwrap_or(false),
        fields: known,
        at: reply.at,
        unchanged: unchanged.map(|(_, list)| (list.field, list.path.clone())).collect(),
    })
}
