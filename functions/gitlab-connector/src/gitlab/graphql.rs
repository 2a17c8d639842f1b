//! GraphQL as values, and the only place that writes its text.
//!
//! What a caller knows only at run time travels as a variable, so nothing has to be escaped, and the text stays below
//! GitLab's 10,000 characters, which do not count variables.

mod parse;

use std::borrow::Cow;

use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;

use crate::gitlab::text_of;

/// The longest query that GitLab takes, in characters (docs/gitlab.md#complexity).
pub const LONGEST_TEXT: usize = 10_000;

/// The fields that are asked of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection(pub Vec<Field>);

/// A field, with what is asked below it.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its key in the answer; `None`: its name.
    pub alias: Option<String>,
    pub name: Cow<'static, str>,
    pub arguments: Vec<(Cow<'static, str>, Argument)>,
    pub selection: Selection,
}

/// The value of an argument.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// Written into the query: a flag, a number that never changes, a word of an enumeration.
    Literal(Cow<'static, str>),
    /// Sent beside the query, as this GraphQL type.
    Variable(&'static str, Json),
}

impl Argument {
    /// A word of an enumeration.
    pub fn word(word: &'static str) -> Self {
        Self::Literal(word.into())
    }

    /// True or false.
    pub fn flag(flag: bool) -> Self {
        Self::Literal(if flag { "true" } else { "false" }.into())
    }

    /// A number.
    pub fn number(number: u32) -> Self {
        Self::Variable("Int", json!(number))
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Variable("String", Json::String(text.into()))
    }

    /// Texts, such as the numbers of merge requests.
    pub fn texts(texts: &[String]) -> Self {
        Self::Variable("[String!]", json!(texts))
    }

    /// A full path, or an id of any kind.
    pub fn id(id: &str) -> Self {
        Self::Variable("ID!", json!(id))
    }

    /// Ids of any kind.
    pub fn ids(ids: &[String]) -> Self {
        Self::Variable("[ID!]", json!(ids))
    }

    /// A time; GitLab takes fractions of seconds although it prints none.
    pub fn time(at: OffsetDateTime) -> Self {
        Self::Variable("Time", json!(text_of(at)))
    }

    /// The value, if it is known as a number.
    pub fn as_number(&self) -> Option<u64> {
        match self {
            Self::Literal(text) => text.parse().ok(),
            Self::Variable(_, value) => value.as_u64(),
        }
    }

    /// Whether it is nothing at all to GitLab.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Variable(_, Json::Null)) || matches!(self, Self::Literal(text) if text == "null")
    }
}

impl Field {
    /// A field without arguments and without anything below it.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            alias: None,
            name: name.into(),
            arguments: Vec::new(),
            selection: Selection::default(),
        }
    }

    /// With this argument.
    pub fn with(mut self, name: &'static str, value: Argument) -> Self {
        self.arguments.push((name.into(), value));
        self
    }

    /// With this below it.
    pub fn of(mut self, selection: Selection) -> Self {
        self.selection = selection;
        self
    }

    /// Under this key in the answer.
    pub fn named(mut self, alias: impl Into<Cow<'static, str>>) -> Self {
        self.alias = Some(alias.into().into_owned());
        self
    }

    /// An argument's value, unless that is null.
    pub fn argument(&self, name: &str) -> Option<&Argument> {
        let found = self.arguments.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value).filter(|value| !value.is_null())
    }
}

impl Selection {
    /// With this field, too.
    pub fn with(mut self, field: Field) -> Self {
        self.0.push(field);
        self
    }

    /// With these fields, too, but for those that are there.
    pub fn and(mut self, other: &Self) -> Self {
        for field in &other.0 {
            if !self.0.contains(field) {
                self.0.push(field.clone());
            }
        }
        self
    }

    /// Whether it has a field of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|field| field.name == name)
    }

    /// The text of a query, named for GitLab's logs, and its variables.
    pub fn write(&self, operation: &str) -> (String, Json) {
        let mut writer = Writer::default();
        writer.selection(self);
        let declared: Vec<String> = writer
            .variables
            .iter()
            .enumerate()
            .map(|(place, (kind, _))| format!("$v{place}: {kind}"))
            .collect();
        let declared = if declared.is_empty() {
            String::new()
        } else {
            format!("({})", declared.join(", "))
        };
        let variables: Map<String, Json> = writer
            .variables
            .into_iter()
            .enumerate()
            .map(|(place, (_, value))| (format!("v{place}"), value))
            .collect();
        let text = format!("query {operation}{declared} {}", writer.text.trim_start());
        (text, Json::Object(variables))
    }
}

/// Text, and the variables in it; the same value is one variable.
#[derive(Default)]
struct Writer {
    text: String,
    variables: Vec<(&'static str, Json)>,
}

impl Writer {
    fn selection(&mut self, selection: &Selection) {
        self.text.push_str(" {");
        for field in &selection.0 {
            self.text.push(' ');
            if let Some(alias) = &field.alias {
                self.text.push_str(&format!("{alias}: "));
            }
            self.text.push_str(&field.name);
            for (place, (name, value)) in field.arguments.iter().enumerate() {
                let before = if place == 0 { "(" } else { ", " };
                let value = self.value(value);
                self.text.push_str(&format!("{before}{name}: {value}"));
            }
            if !field.arguments.is_empty() {
                self.text.push(')');
            }
            if !field.selection.0.is_empty() {
                self.selection(&field.selection);
            }
        }
        self.text.push_str(" }");
    }

    fn value(&mut self, value: &Argument) -> String {
        let (kind, value) = match value {
            Argument::Literal(text) => return text.to_string(),
            Argument::Variable(kind, value) => (*kind, value),
        };
        let known = self
            .variables
            .iter()
            .position(|known| known.0 == kind && known.1 == *value);
        let place = known.unwrap_or_else(|| {
            self.variables.push((kind, value.clone()));
            self.variables.len() - 1
        });
        format!("$v{place}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_written_with_variables_and_each_value_once() {
        let list = |alias: &str, path: &str| {
            let below = Field::new("issues")
                .with("first", Argument::number(20))
                .with("sort", Argument::word("UPDATED_ASC"))
                .of(Selection::parse("nodes { id author { id } }"));
            Field::new("project")
                .named(alias.to_owned())
                .with("fullPath", Argument::id(path))
                .of(Selection(vec![below]))
        };
        let (text, variables) = Selection(vec![list("a", "x/\"y"), list("b", "z")]).write("Some");
        let issues = "issues(first: $v1, sort: UPDATED_ASC) { nodes { id author { id } } }";
        assert_eq!(
            text,
            format!(
                "query Some($v0: ID!, $v1: Int, $v2: ID!) {{ a: project(fullPath: $v0) {{ {issues} }} b: project(fullPath: $v2) {{ {issues} }} }}"
            )
        );
        assert_eq!(variables, json!({"v0": "x/\"y", "v1": 20, "v2": "z"}));
    }
}
