//! What a caller asks for.

mod action;
mod changed_rows;
pub mod event;
mod selection;

use std::collections::BTreeSet;

use mergemind_shared::ApiError;
use serde_json::{Map, Value, json};

pub use action::Action;
pub use changed_rows::ChangedRows;
pub use selection::NodeSelection;
use selection::SelectionError;

/// The longest `source`, in bytes: it is repeated in answers and log lines.
const SOURCE_LIMIT: usize = 200;
/// The most tables that a caller may name as changed.
const TABLES_LIMIT: usize = 500;

/// A request to run dbt.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunRequest {
    /// Who asks, in the caller's own words; `unknown` if it does not say.
    pub source: String,
    /// What to do.
    pub action: Action,
    /// On what.
    pub selection: NodeSelection,
    /// Whether to build only what leads from the changed tables to live models, without tests.
    pub live: bool,
    /// What the caller did before, for the log: any JSON object.
    pub sync_info: Map<String, Value>,
}

impl RunRequest {
    /// Reads the body of `POST /`. An empty one, and one without `action`, ask for a build.
    /// Unknown fields are left alone. `targets` are those that a caller may choose.
    ///
    /// # Errors
    /// 400 with code `invalid_json` if it is not JSON or a field has the wrong type, with code
    /// `unknown_action`, and with code `invalid_selection`.
    pub fn parse(body: &[u8], targets: &[String]) -> Result<Self, ApiError> {
        if body.trim_ascii().is_empty() {
            return Self::from_fields(Map::new(), targets);
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Self::from_fields(fields, targets),
            Ok(other) => Err(wrong_type("the body", "a JSON object", &other)),
            Err(e) => Err(invalid(format!("the body is not JSON: {e}"))),
        }
    }

    /// The same from an object that was read already.
    ///
    /// # Errors
    /// As [`RunRequest::parse`].
    pub fn from_fields(mut fields: Map<String, Value>, targets: &[String]) -> Result<Self, ApiError> {
        let action = match fields.remove("action") {
            None | Some(Value::Null) => Action::Build,
            Some(Value::String(name)) => Action::from_name(&name).ok_or_else(|| unknown_action(&name))?,
            Some(other) => return Err(wrong_type("'action'", "a string", &other)),
        };
        let source = match fields.remove("source") {
            None | Some(Value::Null) => "unknown".into(),
            Some(Value::String(source)) if source.len() <= SOURCE_LIMIT => source,
            Some(Value::String(_)) => {
                return Err(invalid(format!("'source' is longer than {SOURCE_LIMIT} bytes")));
            }
            Some(other) => return Err(wrong_type("'source'", "a string", &other)),
        };
        let sync_info = match fields.remove("sync_info") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(info)) => info,
            Some(other) => return Err(wrong_type("'sync_info'", "an object", &other)),
        };
        let live = match fields.remove("live") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(live)) => live,
            Some(other) => return Err(wrong_type("'live'", "true or false", &other)),
        };
        let selection = NodeSelection::take(&mut fields, targets)
            .and_then(|selection| fits(action, &selection).map(|()| selection))
            .map_err(|problem| ApiError::bad_request("invalid_selection", problem.to_string()))?;
        let request = Self {
            source,
            action,
            selection,
            live,
            sync_info,
        };
        if live && (action != Action::Build || !request.selection.is_everything() || request.changed_tables().is_none())
        {
            let problem = "'live' goes with a build, needs sync_info.changed_tables, and makes the selection itself";
            return Err(ApiError::bad_request("invalid_selection", problem.to_owned()));
        }
        Ok(request)
    }

    /// The raw tables that changed, if the caller says so in a form that can be used.
    pub fn changed_tables(&self) -> Option<BTreeSet<String>> {
        let tables = self.sync_info.get("changed_tables")?.as_array()?;
        if tables.len() > TABLES_LIMIT {
            return None;
        }
        let name = |table: &Value| {
            let name = table.as_str()?;
            let valid = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            valid.then(|| name.to_owned())
        };
        tables.iter().map(name).collect()
    }

    /// The rows that changed, if the caller names them and they are few.
    pub fn changed_rows(&self) -> Option<ChangedRows> {
        ChangedRows::read(self.sync_info.get("changed_rows")?)
    }
}

/// What dbt's command for an action takes.
fn fits(action: Action, selection: &NodeSelection) -> Result<(), SelectionError> {
    match action {
        Action::Retry if !selection.is_everything() => Err(SelectionError::Retry),
        Action::Test | Action::Docs | Action::Freshness if selection.full_refresh => {
            Err(SelectionError::NothingToRefresh(action.name()))
        }
        _ => Ok(()),
    }
}

fn unknown_action(action: &str) -> ApiError {
    let shown: String = action.chars().take(60).collect();
    ApiError::bad_request("unknown_action", format!("there is no action '{shown}'"))
        .with_hint(format!("use one of: {}", Action::NAMES.join(", ")))
        .with_details(json!({"actions": Action::NAMES}))
}

fn wrong_type(what: &str, wanted: &str, got: &Value) -> ApiError {
    let got = match got {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    invalid(format!("{what} must be {wanted}, but is {got}"))
}

fn invalid(message: String) -> ApiError {
    ApiError::bad_request("invalid_json", message)
        .with_hint("send {\"source\": \"<who asks>\", \"action\": \"run_dbt\"}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(body: &str) -> String {
        let error = RunRequest::parse(body.as_bytes(), &[]).unwrap_err();
        assert_eq!(error.status(), 400);
        error.code().to_owned()
    }

    #[test]
    fn the_connectors_request_is_read() {
        let body = br#"{"source":"gitlab-connector","action":"run_dbt","sync_info":{"rows":3},"more":1}"#;
        let request = RunRequest::parse(body, &[]).expect("valid");
        assert_eq!(request.source, "gitlab-connector");
        assert_eq!(request.sync_info["rows"], 3);
    }

    #[test]
    fn nothing_asks_for_a_run() {
        for body in ["", " \n", "{}", r#"{"action":null}"#] {
            let request = RunRequest::parse(body.as_bytes(), &[]).expect("valid");
            assert_eq!(request.source, "unknown", "{body}");
        }
    }

    #[test]
    fn wrong_requests_say_what_is_wrong() {
        assert_eq!(code(r#"{"action":"drop_tables"}"#), "unknown_action");
        for body in [
            "{",
            "[]",
            "7",
            "\u{feff}{}",
            r#"{"action":1}"#,
            r#"{"source":{}}"#,
            r#"{"sync_info":"x"}"#,
        ] {
            assert_eq!(code(body), "invalid_json", "{body}");
        }
        let long = format!(r#"{{"source":"{}"}}"#, "x".repeat(SOURCE_LIMIT + 1));
        assert_eq!(code(&long), "invalid_json");
    }

    #[test]
    fn every_action_is_read_and_takes_only_what_dbt_takes() {
        for name in Action::NAMES {
            let request = RunRequest::parse(json!({"action": name}).to_string().as_bytes(), &[]).expect(name);
            assert_eq!(request.action.name(), name);
        }
        for body in [
            r#"{"action":"retry","select":"a"}"#,
            r#"{"action":"test","full_refresh":true}"#,
            r#"{"select":"--help"}"#,
        ] {
            assert_eq!(code(body), "invalid_selection", "{body}");
        }
    }

    #[test]
    fn changed_tables_are_taken_only_if_all_are_names() {
        let of = |tables: Value| {
            let body = json!({"sync_info": {"changed_tables": tables}}).to_string();
            RunRequest::parse(body.as_bytes(), &[]).expect("valid").changed_tables()
        };
        assert_eq!(
            of(json!(["b", "a", "b"])),
            Some(BTreeSet::from(["a".into(), "b".into()]))
        );
        assert_eq!(of(json!([])), Some(BTreeSet::new()));
        for unusable in [
            json!(null),
            json!("a"),
            json!(["a b"]),
            json!([1]),
            json!([""]),
            json!(["a", "x+"]),
        ] {
            assert_eq!(of(unusable.clone()), None, "{unusable}");
        }
    }

    #[test]
    fn deep_nesting_is_no_crash() {
        assert_eq!(code(&"[".repeat(500_000)), "invalid_json");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Err(error) = RunRequest::parse(&body, &[]) {
                prop_assert_eq!(error.status(), 400);
            }
        }

        #[test]
        fn only_known_actions_are_done(action in "\\PC{0,30}") {
            prop_assume!(Action::from_name(&action).is_none());
            prop_assert_eq!(code(&json!({"action": action}).to_string()), "unknown_action");
        }
    }
}
