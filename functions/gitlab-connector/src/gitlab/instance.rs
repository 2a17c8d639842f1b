//! What this GitLab is, which fields it lacks, and which lists have not changed at all.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use time::OffsetDateTime;

use crate::gitlab::client::Patience;
use crate::gitlab::compose::{ListOutcome, asks_of, compose};
use crate::gitlab::graphql::{Argument, Field, Selection};
use crate::gitlab::list::{By, Connection, Owner};
use crate::gitlab::pack::pack;
use crate::gitlab::{Client, Error, cost};

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

impl Changed {
    fn list(&self) -> Connection {
        Connection::new(Owner::Group(self.path.clone()), self.field)
            .with_all_below()
            .within(By::UpdatedOnly, Some(self.since), None)
            .first(1)
            .nodes(Selection::parse("id"))
    }
}

/// Asks GitLab about itself: an unknown field fails a whole query, so the schema of `types` is asked first. That is a short
/// cut: of a type that it does not tell, all fields are asked for, and what it refuses is left out then. In the same request, asks whether there is any change in `lists`.
///
/// # Errors
/// If the token is refused, or GitLab can't be asked.
pub async fn probe(client: &Client, types: &[&str], lists: &[Changed]) -> Result<Instance, Error> {
    let mut query = Selection::parse("currentUser { id } metadata { version enterprise } queryComplexity { limit }");
    for (index, name) in types.iter().enumerate() {
        let kind = Field::new("__type")
            .with("name", Argument::Literal(format!("{name:?}").into()))
            .of(Selection::parse("fields(includeDeprecated: true) { name }"));
        query = query.with(kind.named(format!("t{index}")));
    }
    let connections: Vec<Connection> = lists.iter().map(Changed::list).collect();
    // Those that do not fit are left for their passes to ask.
    let room = client.limits.score().saturating_sub(cost::of(&query));
    let asks = pack(asks_of(connections), room).into_iter().next().unwrap_or_default();
    let composed = compose(&asks);
    query.0.extend(composed.query.0.iter().cloned());
    let mut reply = match client.ask("probe", "Probe", &query, Patience::Full).await {
        Ok(reply) => reply,
        Err(error @ Error::Unauthorized(_)) => return Err(error),
        // GitLab may fail at a list, which is for its pass to find out.
        Err(_) if !lists.is_empty() => return Box::pin(probe(client, types, &[])).await,
        Err(error) => return Err(error),
    };
    let outcomes = composed.outcomes(&asks, &mut reply.data, &[]);
    let data = reply.data;
    if data["currentUser"].is_null() {
        return Err(Error::Unauthorized("it belongs to nobody".into()));
    }
    if let Some(limit) = data["queryComplexity"]["limit"].as_u64() {
        client.limits.set_score(u32::try_from(limit).unwrap_or(u32::MAX));
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
    let is_empty = |outcome: &ListOutcome| matches!(outcome, ListOutcome::Page(page) if page.nodes.is_empty() && !page.has_next && !page.is_null);
    let unchanged = lists.iter().zip(&outcomes).filter(|(_, outcome)| is_empty(outcome));
    let text = |value: &Value| value.as_str().unwrap_or("unknown").to_owned();
    Ok(Instance {
        version: text(&data["metadata"]["version"]),
        enterprise: data["metadata"]["enterprise"].as_bool().unwrap_or(false),
        fields: known,
        at: reply.at,
        unchanged: unchanged.map(|(list, _)| (list.field, list.path.clone())).collect(),
    })
}
