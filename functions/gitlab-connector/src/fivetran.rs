//! Fivetran's function protocol: it calls, we sync into the raw tables, and answer with what moved there
//! since its last call. So what Fivetran gets is what BigQuery has: the same streams, deletions included.

use std::collections::BTreeMap;
use std::time::Duration;

use mergemind_shared::ApiError;
use mergemind_shared::functions_framework::Shutdown;
use mergemind_shared::warehouse::{Change, Kind, Position, Table, newest_mark};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::sync::{Request, Syncer};

/// Fivetran takes 10 MB; the rest is room for names and quotes.
const MOST_BYTES: usize = 6_000_000;
/// A row that is larger goes alone. As JSON it is longer than in BigQuery, where it may have nearly 10 MB.
const LARGEST_ROW: usize = 9_000_000;
/// Rows that are read from a table at once: BigQuery reads the whole table for each question, so that few
/// questions are better.
const ROWS: usize = 10_000;
/// A sync for Fivetran ends after this time; the next call goes on.
const SYNC_TIME: Duration = Duration::from_secs(5 * 60);
/// How far before the beginning of a sync that runs elsewhere its rows may be marked: clocks differ.
const MARGIN: Duration = Duration::from_secs(60);

/// What we hand to Fivetran and get back with its next call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct FivetranState {
    /// How far each table was handed over.
    tables: BTreeMap<String, Position>,
    /// Up to where rows are handed over after this sync (microseconds since 1970): later ones may still move.
    until: i64,
    /// Whether the sync is done and only rows remain to be handed over.
    handing_over: bool,
    /// Whether that sync came to its end.
    complete: bool,
}

/// One call.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct FivetranCall {
    state: Value,
    secrets: Map<String, Value>,
    setup_test: bool,
    /// Whether `schema` is to name columns with their types: Fivetran's own function connector does not ask,
    /// our connector for its SDK does.
    column_types: bool,
}

impl FivetranCall {
    /// Reads a request's body.
    ///
    /// # Errors
    /// 400 if it is no call.
    pub fn read(body: &[u8]) -> Result<Self, ApiError> {
        serde_json::from_slice(body)
            .map_err(|_| ApiError::bad_request("invalid_json", "the body is not a call of Fivetran"))
    }

    /// The token among its secrets.
    pub fn token(&self) -> Option<&str> {
        self.secrets.get("auth_token")?.as_str()
    }
}

/// Answers one call.
///
/// # Errors
/// What stopped the sync.
pub async fn answer(syncer: &Syncer, call: FivetranCall, shutdown: Shutdown) -> Result<Value, ApiError> {
    // A state that is not ours counts as none: everything is handed over again.
    let mut state: FivetranState = serde_json::from_value(call.state).unwrap_or_default();
    let tables: Vec<Table> = syncer.tables();
    if call.setup_test {
        syncer.ping().await?;
        let mut answer = reply(&tables, &state, Handed::default(), false);
        if call.column_types {
            for table in &tables {
                answer["schema"][table.name]["columns"] = columns(table);
            }
        }
        return Ok(answer);
    }
    if !state.handing_over {
        let request = Request {
            at_most: Some(SYNC_TIME),
            ..Request::default()
        };
        let asked = now();
        (state.complete, state.until) = match syncer.sync_only(&request, shutdown).await {
            // Nobody else wrote while it ran, and nothing of it is under way any more.
            Ok(summary) => (summary["complete"] == true, asked.max(newest_mark())),
            // The scheduler's sync is at work: what was there before it is handed over now, its own rows
            // with Fivetran's next sync.
            Err(error) if error.code() == "sync_running" => (true, before_running(asked, &error)),
            Err(error) => return Err(error),
        };
        state.handing_over = true;
    }
    let (handed, rest) = hand_over(syncer, &tables, &mut state).await?;
    state.handing_over = rest;
    let more = rest || !state.complete;
    Ok(reply(&tables, &state, handed, more))
}

fn now() -> i64 {
    (OffsetDateTime::now_utc().unix_timestamp_nanos() / 1000) as i64
}

/// An instant before the first row of the sync that `error` tells of.
fn before_running(now: i64, error: &ApiError) -> i64 {
    let age = error.details().and_then(|details| details["age_s"].as_u64());
    // Without an age nothing is sure to be whole.
    age.map_or(0, |age| now - (Duration::from_secs(age) + MARGIN).as_micros() as i64)
}

/// Rows for Fivetran, by table.
#[derive(Default)]
struct Handed {
    insert: Map<String, Value>,
    delete: Map<String, Value>,
    bytes: usize,
}

impl Handed {
    /// Takes a row, if there is room for it; an empty answer has room for any.
    fn take(&mut self, table: &Table, change: Change) -> bool {
        let (place, row) = if change.deleted {
            let key = table.primary_key.iter();
            let key = key.map(|name| ((*name).to_owned(), change.row[*name].clone()));
            (&mut self.delete, Value::Object(key.collect()))
        } else {
            (&mut self.insert, shortened(change.row))
        };
        let bytes = row.to_string().len();
        if self.bytes > 0 && self.bytes + bytes > MOST_BYTES {
            return false;
        }
        self.bytes += bytes;
        let rows = place.entry(table.name).or_insert_with(|| json!([]));
        if let Value::Array(rows) = rows {
            rows.push(row);
        }
        true
    }
}

/// A row as large as Fivetran takes it: the longest texts are cut, until it is.
fn shortened(mut row: Value) -> Value {
    loop {
        let over = row.to_string().len().saturating_sub(LARGEST_ROW);
        if over == 0 {
            break;
        }
        let texts = row.as_object_mut().into_iter().flat_map(Map::values_mut);
        let longest = texts.filter_map(|value| match value {
            Value::String(text) => Some(text),
            _ => None,
        });
        let Some(longest) = longest.max_by_key(|text| text.len()).filter(|text| text.len() > 100) else {
            break;
        };
        // As JSON that is at least as much.
        let gives = (over + 20).min(longest.len() / 2);
        longest.truncate(longest.floor_char_boundary(longest.len() - gives));
        longest.push_str("… [cut]");
    }
    row
}

/// Takes rows until the answer is full. Tells whether any are left.
async fn hand_over(syncer: &Syncer, tables: &[Table], state: &mut FivetranState) -> Result<(Handed, bool), ApiError> {
    let mut handed = Handed::default();
    for table in tables {
        loop {
            let from = state.tables.get(table.name).cloned().unwrap_or_default();
            let changes = syncer.changes(table, &from, state.until, ROWS).await?;
            let last = changes.len() < ROWS;
            for change in changes {
                let position = change.position.clone();
                if !handed.take(table, change) {
                    return Ok((handed, true));
                }
                state.tables.insert(table.name.to_owned(), position);
            }
            if last {
                break;
            }
        }
    }
    Ok((handed, false))
}

/// A table's columns with Fivetran's names of their types.
fn columns(table: &Table) -> Value {
    let name = |kind| match kind {
        Kind::Int64 => "LONG",
        Kind::Float64 => "DOUBLE",
        Kind::Bool => "BOOLEAN",
        Kind::String => "STRING",
        Kind::Timestamp => "UTC_DATETIME",
        Kind::Date => "NAIVE_DATE",
        Kind::Int64Array | Kind::StringArray => "JSON",
    };
    let columns = table.columns.iter();
    Value::Object(
        columns
            .map(|column| (column.name.to_owned(), json!(name(column.kind))))
            .collect(),
    )
}

fn reply(tables: &[Table], state: &FivetranState, handed: Handed, more: bool) -> Value {
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
        let mut state = FivetranState::default();
        state.tables.insert(
            "issues".into(),
            Position {
                at: 7,
                key: "1/".into(),
            },
        );
        let json = serde_json::to_value(&state).expect("JSON");
        assert_eq!(serde_json::from_value::<FivetranState>(json).expect("the state"), state);
        assert_eq!(
            serde_json::from_value::<FivetranState>(json!({})).expect("a state"),
            FivetranState::default()
        );
    }

    #[test]
    fn an_answer_stays_below_what_fivetran_takes_whatever_a_row_holds() {
        let streams = crate::streams::Streams::new();
        let table = &streams.named("releases").table;
        // As JSON each line's end takes two bytes.
        let change = |description: String| Change {
            row: json!({"project_id": 1, "tag_name": "v1", "description": description}),
            deleted: false,
            position: Position::default(),
        };
        let mut handed = Handed::default();
        assert!(handed.take(table, change("x".repeat(5_900_000))));
        assert!(!handed.take(table, change("x".repeat(5_900_000))), "no room");
        let description = "é\n".repeat(3_100_000);
        let mut handed = Handed::default();
        assert!(handed.take(table, change(description.clone())));
        let answer = reply(std::slice::from_ref(table), &FivetranState::default(), handed, true);
        assert!(answer.to_string().len() < 9_500_000);
        let text = answer["insert"]["releases"][0]["description"].as_str().expect("a text");
        let kept = text.split('…').next().expect("its beginning");
        assert!(kept.len() > 5_000_000 && description.starts_with(kept) && text.ends_with("… [cut]"));
    }

    #[test]
    fn rows_of_a_sync_that_runs_elsewhere_wait() {
        let running = |details| {
            ApiError::new(axum::http::StatusCode::CONFLICT, "sync_running", "a sync is running").with_details(details)
        };
        let now = 1_000_000_000;
        assert_eq!(before_running(now, &running(json!({"age_s": 40}))), now - 100_000_000);
        assert_eq!(before_running(now, &running(json!({}))), 0);
    }
}
