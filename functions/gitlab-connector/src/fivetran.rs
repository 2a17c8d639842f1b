//! Fivetran's function protocol: it calls, we sync into the raw tables, and answer with what moved there
//! since its last call. So what Fivetran gets is what BigQuery has: the same streams, deletions included.

use std::time::Duration;

use axum::http::HeaderMap;
use mergemind_shared::ApiError;
use mergemind_shared::function::Shutdown;
use mergemind_shared::warehouse::{Position, Table};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

use crate::sync::{Request, Syncer};

/// Fivetran takes 10 MB; the rest is room for names and quotes.
const MOST_BYTES: usize = 6_000_000;
/// Rows that are read from a table at once.
const ROWS: usize = 2000;
/// A sync for Fivetran ends after this time; the next call goes on.
const SYNC_TIME: Duration = Duration::from_secs(5 * 60);

/// What we hand to Fivetran and get back with its next call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// How far each table was handed over.
    tables: BTreeMap<String, Position>,
    /// Whether the sync is done and only rows remain to be handed over.
    handing_over: bool,
    /// Whether that sync came to its end.
    complete: bool,
}

/// A call.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Call {
    state: Value,
    secrets: Map<String, Value>,
    setup_test: bool,
}

/// Answers one call.
///
/// # Errors
/// 401 if neither the header nor `secrets.auth_token` is our token; otherwise what stopped the sync.
pub async fn answer(syncer: &Syncer, headers: &HeaderMap, body: &[u8], shutdown: Shutdown) -> Result<Value, ApiError> {
    let call: Call = serde_json::from_slice(body)
        .map_err(|_| ApiError::bad_request("invalid_json", "the body is not a call of Fivetran"))?;
    authorize(syncer, headers, &call).await?;
    // A state that is not ours counts as none: everything is handed over again.
    let mut state: State = serde_json::from_value(call.state).unwrap_or_default();
    let tables: Vec<Table> = syncer.tables();
    if call.setup_test {
        syncer.ping().await?;
        return Ok(reply(&tables, &state, Handed::default(), false));
    }
    if !state.handing_over {
        let request = Request {
            at_most: Some(SYNC_TIME),
            ..Request::default()
        };
        state.complete = match syncer.sync_only(&request, shutdown).await {
            Ok(summary) => summary["complete"] == true,
            // The scheduler's sync is at work: what it has written so far is handed over.
            Err(error) if error.code() == "sync_running" => true,
            Err(error) => return Err(error),
        };
        state.handing_over = true;
    }
    let (handed, rest) = hand_over(syncer, &tables, &mut state).await?;
    state.handing_over = rest;
    let more = rest || !state.complete;
    Ok(reply(&tables, &state, handed, more))
}

async fn authorize(syncer: &Syncer, headers: &HeaderMap, call: &Call) -> Result<(), ApiError> {
    let Some(tokens) = syncer.tokens() else { return Ok(()) };
    // Function connectors can't send a header of their own: their token stands among the secrets.
    match call.secrets.get("auth_token").and_then(Value::as_str) {
        Some(token) => {
            let mut shown = HeaderMap::new();
            if let Ok(value) = format!("Bearer {token}").parse() {
                shown.insert(axum::http::header::AUTHORIZATION, value);
            }
            tokens.check(&shown).await
        }
        None => tokens.check(headers).await,
    }
}

/// Rows for Fivetran, by table.
#[derive(Default)]
struct Handed {
    insert: Map<String, Value>,
    delete: Map<String, Value>,
}

/// Takes rows until the answer is full. Tells whether any are left.
async fn hand_over(syncer: &Syncer, tables: &[Table], state: &mut State) -> Result<(Handed, bool), ApiError> {
    let mut handed = Handed::default();
    let mut bytes = 0;
    for table in tables {
        loop {
            let from = state.tables.get(table.name).cloned().unwrap_or_default();
            let changes = syncer.changes(table, &from, ROWS).await?;
            let last = changes.len() < ROWS;
            for change in changes {
                bytes += change.row.to_string().len();
                let (place, row) = if change.deleted {
                    let key = table
                        .primary_key
                        .iter()
                        .map(|name| ((*name).to_owned(), change.row[*name].clone()));
                    (&mut handed.delete, Value::Object(key.collect()))
                } else {
                    (&mut handed.insert, change.row)
                };
                let rows = place.entry(table.name).or_insert_with(|| json!([]));
                if let Value::Array(rows) = rows {
                    rows.push(row);
                }
                state.tables.insert(table.name.to_owned(), change.position);
                if bytes >= MOST_BYTES {
                    return Ok((handed, true));
                }
            }
            if last {
                break;
            }
        }
    }
    Ok((handed, false))
}

fn reply(tables: &[Table], state: &State, handed: Handed, more: bool) -> Value {
    let schema: Map<String, Value> = tables
        .iter()
        .map(|table| (table.name.to_owned(), json!({"primary_key": table.primary_key})))
        .collect();
    let names: Vec<&str> = tables.iter().map(|table| table.name).collect();
    json!({
        "state": state,
        "insert": handed.insert,
        "delete": handed.delete,
        "schema": schema,
        "softDelete": names,
        "hasMore": more,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_survives_fivetran_and_a_foreign_one_counts_as_none() {
        let mut state = State::default();
        state.tables.insert(
            "issues".into(),
            Position {
                at: 7,
                key: "1/".into(),
            },
        );
        let json = serde_json::to_value(&state).expect("JSON");
        assert_eq!(serde_json::from_value::<State>(json).expect("the state"), state);
        assert_eq!(
            serde_json::from_value::<State>(json!({})).expect("a state"),
            State::default()
        );
    }
}
