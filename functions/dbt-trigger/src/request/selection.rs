//! What of a project a caller wants to have run, in forms that can be nothing else.
//!
//! Everything here becomes arguments of dbt, never a shell's text, and no value may begin like an
//! option. Strings in `vars` can't end a quoted string of SQL or open a Jinja expression.

use serde_json::{Map, Value};

/// The longest selector, and the most of them.
const SELECTOR_LIMIT: usize = 200;
const SELECTORS_LIMIT: usize = 100;
/// The longest string among the variables, and the most variables.
const TEXT_LIMIT: usize = 200;
const VARS_LIMIT: usize = 50;
/// dbt's selector methods that need nothing but the project: `state:`, `result:` and `source_status:`
/// would need files of another run.
const METHODS: [&str; 17] = [
    "access",
    "exposure",
    "file",
    "fqn",
    "group",
    "metric",
    "package",
    "path",
    "resource_type",
    "saved_query",
    "semantic_model",
    "source",
    "tag",
    "test_name",
    "test_type",
    "unit_test",
    "version",
];

/// What is wrong with a selection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    #[error("'{0}' must be a string or an array of strings")]
    NoTexts(&'static str),
    #[error("'{0}' must hold between 1 and {SELECTORS_LIMIT} selectors")]
    Count(&'static str),
    #[error("'{field}' holds '{shown}', which is no selector such as my_model, +my_model, tag:nightly or path:marts")]
    Selector { field: &'static str, shown: String },
    #[error("'full_refresh' must be true or false")]
    FullRefresh,
    #[error("'full_refresh' means nothing to '{0}'")]
    NothingToRefresh(&'static str),
    #[error("'target' may not be chosen here: DBT_TARGETS of this function names none")]
    NoTargets,
    #[error("'target' must be one of: {0}")]
    Target(String),
    #[error("'vars' must be an object")]
    NoVars,
    #[error("'vars' holds more than {VARS_LIMIT} variables")]
    TooManyVars,
    #[error("'vars' holds a name that is not of letters, digits and _")]
    VarName,
    #[error(
        "'vars.{0}' must be a number, true, false, a string of letters, digits, blanks and _.:/@+,- or an array of those"
    )]
    Var(String),
    #[error("'retry' repeats what failed in the last run, with its selection: send none")]
    Retry,
}

/// A validated selection; the default one is all of the project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeSelection {
    /// Selectors as dbt has them, at least one of which a node must match; none: every node does.
    pub select: Vec<String>,
    /// Selectors of nodes to leave out.
    pub exclude: Vec<String>,
    /// Whether incremental models are built anew.
    pub full_refresh: bool,
    /// A target of the profile other than the configured one.
    pub target: Option<String>,
    /// The project's variables.
    pub vars: Map<String, Value>,
}

impl NodeSelection {
    /// Takes its fields out of a request's.
    ///
    /// # Errors
    /// If one of them has a form that dbt might take for something else.
    pub fn take(fields: &mut Map<String, Value>, targets: &[String]) -> Result<Self, SelectionError> {
        let mut take = |name: &str| fields.remove(name).filter(|value| !value.is_null());
        Ok(Self {
            select: take("select").map_or(Ok(Vec::new()), |value| selectors("select", value))?,
            exclude: take("exclude").map_or(Ok(Vec::new()), |value| selectors("exclude", value))?,
            full_refresh: match take("full_refresh") {
                None => false,
                Some(Value::Bool(full_refresh)) => full_refresh,
                Some(_) => return Err(SelectionError::FullRefresh),
            },
            target: take("target").map(|value| target(&value, targets)).transpose()?,
            vars: take("vars").map_or(Ok(Map::new()), vars)?,
        })
    }

    /// Whether it is all of the project, as configured.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the parsed project in memory is of this selection: variables and target change it.
    pub fn is_of_the_parsed_project(&self) -> bool {
        self.target.is_none() && self.vars.is_empty()
    }

    /// As dbt's arguments, without the target, which comes with the project's.
    pub fn args(&self) -> Vec<String> {
        let mut args = Vec::new();
        for (option, selectors) in [("--select", &self.select), ("--exclude", &self.exclude)] {
            if !selectors.is_empty() {
                args.push(option.to_owned());
                args.extend(selectors.iter().cloned());
            }
        }
        if self.full_refresh {
            args.push("--full-refresh".into());
        }
        if !self.vars.is_empty() {
            // JSON is YAML, which is what dbt reads here.
            args.extend(["--vars".into(), Value::Object(self.vars.clone()).to_string()]);
        }
        args
    }
}

fn selectors(field: &'static str, value: Value) -> Result<Vec<String>, SelectionError> {
    let texts = match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items
            .into_iter()
            .map(|item| match item {
                Value::String(text) => Ok(text),
                _ => Err(SelectionError::NoTexts(field)),
            })
            .collect::<Result<_, _>>()?,
        _ => return Err(SelectionError::NoTexts(field)),
    };
    let all: Vec<String> = texts
        .iter()
        .flat_map(|text| text.split_whitespace())
        .map(ToOwned::to_owned)
        .collect();
    if all.is_empty() || all.len() > SELECTORS_LIMIT {
        return Err(SelectionError::Count(field));
    }
    for selector in &all {
        if selector.len() > SELECTOR_LIMIT || !selector.split(',').all(is_selector) {
            let shown: String = selector.chars().filter(|c| !c.is_control()).take(60).collect();
            return Err(SelectionError::Selector { field, shown });
        }
    }
    Ok(all)
}

/// `[@ | n+] [method:]value [+n]`: <https://docs.getdbt.com/reference/node-selection/syntax>.
fn is_selector(text: &str) -> bool {
    let digits = |c: char| c.is_ascii_digit();
    let body = match text.strip_prefix('@') {
        Some(body) => body,
        None => text.trim_start_matches(digits).strip_prefix('+').unwrap_or(text),
    };
    let body = match body.rsplit_once('+') {
        Some((body, depth)) if depth.chars().all(digits) => body,
        _ => body,
    };
    let (method, value) = match body.split_once(':') {
        Some((method, value)) => (Some(method), value),
        None => (None, body),
    };
    let known = method.is_none_or(|method| {
        METHODS.contains(&method)
            || method.strip_prefix("config.").is_some_and(|rest| {
                !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c))
            })
    });
    known
        && value
            .chars()
            .next()
            .is_some_and(|c| c.is_ascii_alphanumeric() || "_*?[".contains(c))
        && value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-/*?[]".contains(c))
        && !value.split('/').any(|part| part == "..")
        // dbt looks through all folders once for each of these: twenty of them take seconds, forty never end.
        && value.matches("**").count() <= 1
}

fn target(value: &Value, targets: &[String]) -> Result<String, SelectionError> {
    match value {
        Value::String(target) if targets.contains(target) => Ok(target.clone()),
        Value::String(_) if targets.is_empty() => Err(SelectionError::NoTargets),
        _ => Err(SelectionError::Target(targets.join(", "))),
    }
}

fn vars(value: Value) -> Result<Map<String, Value>, SelectionError> {
    let Value::Object(vars) = value else {
        return Err(SelectionError::NoVars);
    };
    if vars.len() > VARS_LIMIT {
        return Err(SelectionError::TooManyVars);
    }
    for (name, value) in &vars {
        let mut letters = name.chars();
        let valid = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && name.len() <= TEXT_LIMIT
            && letters.all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !valid {
            return Err(SelectionError::VarName);
        }
        let items = match value {
            Value::Array(items) if items.len() <= SELECTORS_LIMIT => items.as_slice(),
            other => std::slice::from_ref(other),
        };
        if !items.iter().all(is_plain) {
            return Err(SelectionError::Var(name.clone()));
        }
    }
    Ok(vars)
}

fn is_plain(value: &Value) -> bool {
    match value {
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => {
            text.len() <= TEXT_LIMIT && text.chars().all(|c| c.is_alphanumeric() || " _.:/@+,-".contains(c))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn take(value: Value) -> Result<NodeSelection, SelectionError> {
        let Value::Object(mut fields) = value else {
            unreachable!("an object")
        };
        NodeSelection::take(&mut fields, &["prod".into()])
    }

    #[test]
    fn selections_become_arguments() {
        let selection = take(
            json!({"select": "+dim_users tag:nightly,config.materialized:table", "exclude": ["2+a.b+1", "@c"],
            "full_refresh": true, "target": "prod", "vars": {"days": 3, "words": ["a b", "c"]}, "more": 1}),
        )
        .expect("valid");
        assert_eq!(
            selection.args(),
            [
                "--select",
                "+dim_users",
                "tag:nightly,config.materialized:table",
                "--exclude",
                "2+a.b+1",
                "@c",
                "--full-refresh",
                "--vars",
                r#"{"days":3,"words":["a b","c"]}"#
            ]
        );
        assert!(!selection.is_of_the_parsed_project());
        assert!(take(json!({"select": "path:models/**/*.sql a*b*c"})).is_ok());
        assert!(take(json!({"select": null})).expect("valid").is_everything());
    }

    #[test]
    fn nothing_in_a_request_can_choose_a_command() {
        for wrong in [
            json!({"select": "--profiles-dir /tmp"}),
            json!({"select": "-s"}),
            json!({"select": "a;rm"}),
            json!({"select": "$(id)"}),
            json!({"select": "a\u{0}b"}),
            json!({"select": "path:../x"}),
            json!({"select": "path:**/**/x"}),
            json!({"select": "path:a/**/b/**"}),
            json!({"exclude": "file:****"}),
            json!({"select": "state:modified"}),
            json!({"select": "a,--vars"}),
            json!({"select": ""}),
            json!({"select": []}),
            json!({"select": [1]}),
            json!({"select": "x".repeat(201)}),
            json!({"full_refresh": "yes"}),
            json!({"target": "dev"}),
            json!({"target": ["prod"]}),
            json!({"vars": "a"}),
            json!({"vars": {"a": "x' or '1'='1"}}),
            json!({"vars": {"a": "{{ env_var('X') }}"}}),
            json!({"vars": {"a-b": 1}}),
            json!({"vars": {"a": {"b": 1}}}),
            json!({"vars": {"a": [["x"]]}}),
        ] {
            assert!(take(wrong.clone()).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_argument_that_was_let_in_is_an_option(text in "[-+@a-z0-9:,.*/ \\[$;'\"{]{0,30}") {
            if let Ok(selection) = take(json!({"select": text, "vars": {"v": text}})) {
                let options = selection.args().iter().filter(|arg| arg.starts_with('-')).count();
                prop_assert_eq!(options, 2);
            }
        }

        #[test]
        fn any_selector_is_read_or_refused(text in "\\PC{0,60}") {
            if let Ok(selection) = take(json!({"exclude": text})) {
                prop_assert!(selection.exclude.iter().all(|s| s.is_ascii() && !s.contains(' ')));
            }
        }
    }
}
