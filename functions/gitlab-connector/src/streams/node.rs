//! Reads values from a node of GitLab's answer, and says which one is not what GitLab documents.

use std::ops::RangeInclusive;

use mergemind_shared::warehouse::Value;
use serde_json::Value as Json;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use crate::gitlab::number_of;

/// A value of another type than GitLab documents, or one that no column can hold.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{path} of {id} is not {wanted}")]
pub struct Malformed {
    path: String,
    id: String,
    wanted: &'static str,
    /// What GitLab has, if its type is right.
    pub misfit: Option<String>,
}

/// One object of an answer. Paths are field names with dots between them; a null on the way makes the
/// value NULL.
pub struct Node<'a>(&'a Json);

impl<'a> Node<'a> {
    /// Wraps a JSON object.
    pub fn new(json: &'a Json) -> Self {
        Self(json)
    }

    fn at(&self, path: &str) -> Result<&'a Json, Malformed> {
        let mut json = self.0;
        for name in path.split('.') {
            json = match json {
                Json::Object(fields) => fields.get(name).unwrap_or(&Json::Null),
                Json::Null => return Ok(&Json::Null),
                _ => return Err(self.malformed(path, "within an object")),
            };
        }
        Ok(json)
    }

    /// The nodes of a connection; none if it or they are null, as on a GitLab that does not tell.
    fn nodes(&self, path: &str) -> Result<&'a [Json], Malformed> {
        let nodes = match self.at(path)? {
            Json::Null => &Json::Null,
            Json::Object(connection) => connection.get("nodes").unwrap_or(&Json::Null),
            _ => return Err(self.malformed(path, "a connection")),
        };
        self.items(nodes, path)
    }

    fn items(&self, list: &'a Json, path: &str) -> Result<&'a [Json], Malformed> {
        match list {
            Json::Null => Ok(&[]),
            Json::Array(items) => Ok(items),
            _ => Err(self.malformed(path, "a list")),
        }
    }

    /// An error that names a missing part of the key.
    pub fn lacks(&self, column: &str) -> Malformed {
        self.malformed(column, "there, and without it a row can't be told from others")
    }

    fn malformed(&self, path: &str, wanted: &'static str) -> Malformed {
        let id = match &self.0["id"] {
            Json::String(id) => id.clone(),
            Json::Number(id) => id.to_string(),
            _ => "a row without an id".to_owned(),
        };
        Malformed {
            path: path.to_owned(),
            id,
            wanted,
            misfit: None,
        }
    }

    fn read(
        &self,
        path: &str,
        wanted: &'static str,
        convert: impl Fn(&Json) -> Option<Value>,
    ) -> Result<Value, Malformed> {
        match self.at(path)? {
            Json::Null => Ok(Value::Null),
            json => convert(json).ok_or_else(|| self.malformed(path, wanted)),
        }
    }

    /// What a text says, if it can be stored.
    fn read_text(
        &self,
        path: &str,
        wanted: &'static str,
        convert: impl Fn(&str) -> Option<Value>,
    ) -> Result<Value, Malformed> {
        match self.text(path)? {
            Value::Text(text) => convert(&text).ok_or_else(|| self.misfit(path, wanted, text)),
            _ => Ok(Value::Null),
        }
    }

    fn misfit(&self, path: &str, wanted: &'static str, value: String) -> Malformed {
        Malformed {
            misfit: Some(value),
            ..self.malformed(path, wanted)
        }
    }

    /// A row's own id, which must be there.
    ///
    /// # Errors
    /// If it is not there, or is no id.
    pub fn key(&self) -> Result<Value, Malformed> {
        match self.id("id")? {
            Value::Null => Err(self.malformed("id", "an id")),
            id => Ok(id),
        }
    }

    /// The number at the end of a global id such as `gid://gitlab/User/7`, or the number that REST gives.
    ///
    /// # Errors
    /// If there is something else.
    pub fn id(&self, path: &str) -> Result<Value, Malformed> {
        self.read(path, "an id", |json| {
            json.as_i64().or_else(|| number_of(json.as_str()?)).map(Value::Int)
        })
    }

    /// A number that is an id, or the number at the end of one.
    pub fn number(&self, path: &str) -> Option<i64> {
        match self.id(path) {
            Ok(Value::Int(id)) => Some(id),
            _ => None,
        }
    }

    /// The numbers of the ids of a connection's nodes, ascending.
    ///
    /// # Errors
    /// If a node has none.
    pub fn ids(&self, path: &str) -> Result<Value, Malformed> {
        let nodes = self.nodes(path)?;
        let mut ids = Vec::with_capacity(nodes.len());
        for node in nodes.iter().filter(|node| !node.is_null()) {
            let id = node["id"].as_str().and_then(number_of);
            ids.push(id.ok_or_else(|| self.malformed(path, "a list of things with ids"))?);
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(Value::Ints(ids))
    }

    /// The lowest of [`ids`](Self::ids): the same one in every sync, whatever order GitLab lists them in.
    ///
    /// # Errors
    /// If a node has none.
    pub fn first_id(&self, path: &str) -> Result<Value, Malformed> {
        Ok(match self.ids(path)? {
            Value::Ints(ids) => ids.first().map_or(Value::Null, |id| Value::Int(*id)),
            other => other,
        })
    }

    /// The texts of one field of a connection's nodes, sorted.
    ///
    /// # Errors
    /// If a node has something else there, or it is no connection.
    pub fn texts(&self, path: &str, name: &str) -> Result<Value, Malformed> {
        let nodes = self.nodes(path)?;
        let mut texts = Vec::with_capacity(nodes.len());
        for node in nodes.iter().filter(|node| !node.is_null()) {
            let text = node[name].as_str();
            texts.push(
                text.ok_or_else(|| self.malformed(path, "a list of things with texts"))?
                    .to_owned(),
            );
        }
        texts.sort_unstable();
        Ok(Value::Texts(texts))
    }

    /// The texts of a plain list, in its order.
    ///
    /// # Errors
    /// If it is no list, or one of texts and others.
    pub fn list(&self, path: &str) -> Result<Value, Malformed> {
        let mut texts = Vec::new();
        for item in self.items(self.at(path)?, path)? {
            let text = item.as_str().ok_or_else(|| self.malformed(path, "a list of texts"))?;
            texts.push(text.to_owned());
        }
        Ok(Value::Texts(texts))
    }

    /// The texts of a plain list, sorted.
    ///
    /// # Errors
    /// If it is no list, or one of texts and others.
    pub fn sorted_list(&self, path: &str) -> Result<Value, Malformed> {
        Ok(match self.list(path)? {
            Value::Texts(mut texts) => {
                texts.sort_unstable();
                Value::Texts(texts)
            }
            other => other,
        })
    }

    /// A text, or `default` on a GitLab that does not tell.
    ///
    /// # Errors
    /// If it is no text.
    pub fn text_or(&self, path: &str, default: &str) -> Result<Value, Malformed> {
        Ok(match self.text(path)? {
            Value::Null => Value::Text(default.to_owned()),
            text => text,
        })
    }

    /// A text, as it is.
    ///
    /// # Errors
    /// If it is no text.
    pub fn text(&self, path: &str) -> Result<Value, Malformed> {
        self.read(path, "a text", |json| Some(Value::Text(json.as_str()?.to_owned())))
    }

    /// An enumeration's value in lower case, as GitLab's REST API has it.
    ///
    /// # Errors
    /// If it is no text.
    pub fn word(&self, path: &str) -> Result<Value, Malformed> {
        self.read(path, "a word", |json| Some(Value::Text(json.as_str()?.to_lowercase())))
    }

    /// A whole number; GraphQL prints some of them as text.
    ///
    /// # Errors
    /// If it is neither a whole number nor the text of one, or too large for BigQuery.
    pub fn int(&self, path: &str) -> Result<Value, Malformed> {
        let json = self.at(path)?;
        if let Some(number) = too_large(json) {
            return Err(self.misfit(path, "a number that BigQuery can hold", number));
        }
        self.read(path, "a whole number", |json| {
            json.as_i64().or_else(|| json.as_str()?.parse().ok()).map(Value::Int)
        })
    }

    /// A number.
    ///
    /// # Errors
    /// If it is no number.
    pub fn float(&self, path: &str) -> Result<Value, Malformed> {
        self.read(path, "a number", |json| json.as_f64().map(Value::Float))
    }

    /// True or false.
    ///
    /// # Errors
    /// If it is neither.
    pub fn bool(&self, path: &str) -> Result<Value, Malformed> {
        self.read(path, "true or false", |json| json.as_bool().map(Value::Bool))
    }

    /// A time such as `2026-07-28T08:49:47Z`.
    ///
    /// # Errors
    /// If it is no time, or one that BigQuery has not.
    pub fn time(&self, path: &str) -> Result<Value, Malformed> {
        self.read_text(path, "a time that BigQuery can hold", |text| {
            let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
            let micros = i64::try_from(at.unix_timestamp_nanos().div_euclid(1000)).ok()?;
            TIMES.contains(&micros).then_some(Value::Time(micros))
        })
    }

    /// A date such as `2026-07-28`.
    ///
    /// # Errors
    /// If it is no date, or one that BigQuery has not.
    pub fn date(&self, path: &str) -> Result<Value, Malformed> {
        self.read_text(path, "a date that BigQuery can hold", |text| {
            let form = format_description!("[year]-[month]-[day]");
            let date = Date::parse(text.get(..10)?, form).ok()?;
            let day = date.to_julian_day() - UNIX_EPOCH_JULIAN_DAY;
            DAYS.contains(&day).then_some(Value::Day(day))
        })
    }
}

/// A whole number beyond INT64, as it is written.
fn too_large(json: &Json) -> Option<String> {
    let written = match json {
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.clone(),
        _ => return None,
    };
    let number: f64 = written.parse().ok()?;
    (number.is_finite() && number.abs() >= BEYOND_INT64 && written.parse::<i64>().is_err()).then_some(written)
}

/// 2 to the power of 63: the least number that INT64 does not hold.
const BEYOND_INT64: f64 = 9_223_372_036_854_775_808.0;

const UNIX_EPOCH_JULIAN_DAY: i32 = 2_440_588;

/// What BigQuery takes, from 0001-01-01 to 9999-12-31:
/// <https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#timestamp_type>. One row beyond
/// would fail the whole commit.
const TIMES: RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;
const DAYS: RangeInclusive<i32> = -719_162..=2_932_896;

#[cfg(test)]
mod tests;
