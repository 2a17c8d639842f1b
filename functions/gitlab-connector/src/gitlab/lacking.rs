//! Fields that GitLab itself said it does not know. See docs/gitlab.md#undefined-field.
//!
//! An unknown field fails its whole query. What the schema tells spares that, but a GitLab need not tell it; so whatever
//! it refuses by name is left out, and of later queries too, for a while.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::gitlab::cost;
use crate::gitlab::graphql::Selection;

/// How long a field counts as unknown: GitLab may be upgraded meanwhile.
const LASTS: Duration = Duration::from_secs(3600);

/// Arguments without which a list holds fewer rows, and those in the same order. Without any other one it would be
/// another list.
const OPTIONAL_ARGUMENTS: [&str; 1] = ["includeArchived"];

/// A field that GitLab does not know, or does not know with an argument.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnknownField {
    /// GitLab's type that lacks it; empty where GitLab does not say.
    pub of: String,
    pub name: String,
    /// The argument, if that is what GitLab does not know.
    pub argument: Option<String>,
}

impl fmt::Display for UnknownField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.of, &self.argument) {
            ("", Some(argument)) => write!(f, "{}({argument})", self.name),
            (of, Some(argument)) => write!(f, "{of}.{}({argument})", self.name),
            (of, None) => write!(f, "{of}.{}", self.name),
        }
    }
}

/// The fields that an answer calls unknown.
pub fn unknown_fields(answer: &Value) -> Vec<UnknownField> {
    let errors = answer["errors"].as_array().into_iter().flatten();
    errors.filter_map(unknown_field).collect()
}

fn unknown_field(error: &Value) -> Option<UnknownField> {
    let extensions = &error["extensions"];
    let field = |of: &str, name: &str| {
        Some(UnknownField {
            of: of.into(),
            name: name.into(),
            argument: None,
        })
    };
    let argument = |name: &str, argument: &str| {
        Some(UnknownField {
            of: String::new(),
            name: name.into(),
            argument: Some(argument.into()),
        })
    };
    if extensions["code"] == "argumentNotAccepted"
        && let (Some(name), Some(of_field)) = (extensions["name"].as_str(), extensions["argumentName"].as_str())
    {
        return argument(name, of_field);
    }
    if extensions["code"] == "undefinedField"
        && let (Some(of), Some(name)) = (extensions["typeName"].as_str(), extensions["fieldName"].as_str())
    {
        return field(of, name);
    }
    let said = error["message"].as_str()?.strip_prefix("Field '")?;
    let first = |text: &'_ str| text.split('\'').next().map(ToOwned::to_owned);
    if let Some((name, rest)) = said.split_once("' doesn't accept argument '") {
        return argument(name, &first(rest)?);
    }
    let (name, rest) = said.split_once("' doesn't exist on type '")?;
    field(&first(rest)?, name)
}

/// What is known to be lacking.
#[derive(Debug, Default)]
pub struct Lacking(Mutex<HashMap<UnknownField, Instant>>);

impl Lacking {
    fn known(&self) -> MutexGuard<'_, HashMap<UnknownField, Instant>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, since| since.elapsed() < LASTS);
        known
    }

    /// All of them, in order.
    pub fn fields(&self) -> Vec<UnknownField> {
        let mut fields: Vec<_> = self.known().keys().cloned().collect();
        fields.sort_unstable_by_key(ToString::to_string);
        fields
    }

    /// Notes some more.
    pub fn add(&self, fields: &[UnknownField]) {
        let now = Instant::now();
        self.known().extend(fields.iter().map(|field| (field.clone(), now)));
    }
}

/// A query without these fields.
pub fn without(query: &Selection, fields: &[UnknownField]) -> Selection {
    below("Query", query, fields)
}

fn below(parent: &str, selection: &Selection, lacking: &[UnknownField]) -> Selection {
    let is_lacking = |name: &str| {
        let mut fields = lacking.iter().filter(|field| field.argument.is_none());
        fields.any(|field| field.name == name && is_type(parent, &field.of))
    };
    let takes = |field: &str, argument: &str| {
        let is_this = |lacking: &UnknownField| lacking.name == field && lacking.argument.as_deref() == Some(argument);
        !OPTIONAL_ARGUMENTS.contains(&argument) || !lacking.iter().any(is_this)
    };
    let kept = selection
        .0
        .iter()
        .filter(|field| !is_lacking(&field.name))
        .filter_map(|field| {
            let inner = below(cost::type_of(parent, &field.name), &field.selection, lacking);
            // An object of which nothing is left to ask for.
            let is_empty = inner.0.is_empty() && !field.selection.0.is_empty();
            let mut field = field.clone().of(inner);
            let name = field.name.clone();
            field.arguments.retain(|(argument, _)| takes(&name, argument));
            (!is_empty).then_some(field)
        });
    Selection(kept.collect())
}

/// Whether what we take for a type may be what GitLab calls so. It has several for users, such as `MergeRequestReviewer`.
fn is_type(ours: &str, theirs: &str) -> bool {
    ours == theirs || ours.is_empty() || ours == "UserCore" && !cost::TYPES.contains(&theirs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::gitlab::graphql::{Argument, Field};

    #[test]
    fn only_what_gitlab_does_not_know_is_left_out() {
        let coded = json!({"errors": [{"message": "no", "extensions": {"code": "undefinedField", "typeName": "Issue", "fieldName": "weight"}}]});
        let said = json!({"errors": [{"message": "Field 'reviewState' doesn't exist on type 'UserMergeRequestInteraction'"}, {"message": "else"}]});
        let fields = [unknown_fields(&coded), unknown_fields(&said)].concat();
        assert_eq!(
            fields.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["Issue.weight", "UserMergeRequestInteraction.reviewState"]
        );
        let query = Selection::parse(
            "group { issues { nodes { id weight } } mergeRequests { nodes { weight reviewers { nodes { id in { reviewState } } } } } }",
        );
        let expected =
            "group { issues { nodes { id } } mergeRequests { nodes { weight reviewers { nodes { id } } } } }";
        assert_eq!(without(&query, &fields), Selection::parse(expected));
    }

    #[test]
    fn only_an_argument_without_which_the_list_is_the_same_or_shorter_is_left_out() {
        let coded = json!({"errors": [{"message": "no", "extensions": {"code": "argumentNotAccepted", "name": "projects", "typeName": "Field", "argumentName": "includeArchived"}}]});
        let said = json!({"errors": [{"message": "Field 'issues' doesn't accept argument 'updatedAfter'"}]});
        let fields = [unknown_fields(&coded), unknown_fields(&said)].concat();
        assert_eq!(
            fields.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["projects(includeArchived)", "issues(updatedAfter)"]
        );
        let list = |name: &'static str, arguments: &[&'static str]| {
            let field = arguments.iter().fold(Field::new(name), |field, argument| {
                field.with(argument, Argument::flag(true))
            });
            Selection(vec![field.of(Selection::parse("nodes { id }"))])
        };
        let asked = |name, arguments| without(&list(name, arguments), &fields);
        assert_eq!(
            asked("projects", &["includeSubgroups", "includeArchived"]),
            list("projects", &["includeSubgroups"])
        );
        assert_eq!(
            asked("issues", &["updatedAfter", "includeArchived"]),
            list("issues", &["updatedAfter", "includeArchived"])
        );
    }
}
