//! Rows, fields and texts that can't be given, as GitLab has them after a migration that went wrong: it fails at them
//! whenever they are asked for, and at nothing else.

use serde::Deserialize;
use serde_json::Value;

/// Stand for what a text of JSON and one of Rust can't hold.
const SURROGATE: char = '\u{f8fe}';
const NOT_UTF8: char = '\u{f8ff}';

/// A row, or a field of one, at which GitLab fails.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poisoned {
    /// The type in global ids, such as `MergeRequest` or `Ci::Pipeline`; of the REST API the endpoint's template.
    of: String,
    id: u64,
    /// By default the whole row.
    #[serde(default)]
    field: Option<String>,
    /// What happens.
    pub poison: Poison,
}

/// What happens.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Poison {
    /// Null, and an error beside the data whose path names it. On REST: status 500.
    Error,
    /// Null, as if it was not there or not to be seen.
    Null,
    /// The answer that it would be in is this HTTP error.
    Status(u16),
    /// The text ends with half of a surrogate pair.
    Surrogate,
    /// The text ends with a byte that is not UTF-8.
    NotUtf8,
}

impl Poison {
    /// Its name, as a rule gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "poison error",
            Self::Null => "poison null",
            Self::Status(_) => "poison status",
            Self::Surrogate => "poison surrogate",
            Self::NotUtf8 => "poison not_utf8",
        }
    }

    /// Spoils the text that JSON ends with.
    pub fn spoil(self, json: &mut String) {
        let odd = match self {
            Self::Surrogate => SURROGATE,
            Self::NotUtf8 => NOT_UTF8,
            _ => return,
        };
        if json.ends_with('"') {
            json.insert(json.len() - 1, odd);
        }
    }

    fn spoil_value(self, value: &mut Value) {
        match (self, value) {
            (Self::Null, value) => *value = Value::Null,
            (Self::Surrogate, Value::String(text)) => text.push(SURROGATE),
            (Self::NotUtf8, Value::String(text)) => text.push(NOT_UTF8),
            _ => {}
        }
    }
}

impl Poisoned {
    /// Whether it is this row's, or this field's of it.
    pub fn is_of(&self, kind: &str, id: u64, field: Option<&str>) -> bool {
        self.id == id && self.of == kind && self.field.as_deref() == field
    }

    /// What it does to a row in an answer of the REST API.
    fn to_row(&self, row: &mut Value) -> Option<Poison> {
        let is_there = self.field.as_ref().is_none_or(|field| row.get(field).is_some());
        if row["id"].as_u64() != Some(self.id) || !is_there {
            return None;
        }
        match &self.field {
            Some(field) => self.poison.spoil_value(&mut row[field]),
            None => self.poison.spoil_value(row),
        }
        Some(self.poison)
    }
}

/// What an answer of the REST endpoint with one of these names meets.
pub fn meet(poisoned: &[Poisoned], names: &[String], body: &mut Value) -> Vec<Poison> {
    let mut hits = Vec::new();
    for poisoned in poisoned.iter().filter(|poisoned| names.contains(&poisoned.of)) {
        match &mut *body {
            Value::Array(rows) => hits.extend(rows.iter_mut().filter_map(|row| poisoned.to_row(row))),
            row => hits.extend(poisoned.to_row(row)),
        }
    }
    if let Value::Array(rows) = body {
        rows.retain(|row| !row.is_null());
    }
    hits
}

/// The bytes of a JSON document.
pub fn bytes(json: String, hits: &[Poison]) -> Vec<u8> {
    let is_spoiled = |poison: &Poison| matches!(poison, Poison::Surrogate | Poison::NotUtf8);
    if !hits.iter().any(is_spoiled) {
        return json.into_bytes();
    }
    let mut bytes = Vec::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            SURROGATE => bytes.extend(br"\ud83d"),
            NOT_UTF8 => bytes.push(0xe8),
            letter => bytes.extend(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}
