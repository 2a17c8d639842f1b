//! What a caller asks for.

use mergemind_shared::ApiError;
use serde_json::{Map, Value, json};

/// The one thing this function does.
pub const RUN_DBT: &str = "run_dbt";

/// The longest `source`, in bytes: it is repeated in answers and log lines.
const SOURCE_LIMIT: usize = 200;

/// A request to run dbt.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRequest {
    /// Who asks, in the caller's own words; `unknown` if it does not say.
    pub source: String,
    /// What the caller did before, for the log: any JSON object.
    pub sync_info: Map<String, Value>,
}

impl RunRequest {
    /// Reads the body of `POST /`. An empty one, and one without `action`, ask for a run of dbt:
    /// it is all there is to ask for. Unknown fields are left alone.
    ///
    /// # Errors
    /// 400 with code `invalid_json` if it is not JSON or a field has the wrong type, and with code
    /// `unknown_action`.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let mut fields = if body.trim_ascii().is_empty() {
            Map::new()
        } else {
            match serde_json::from_slice(body) {
                Ok(Value::Object(fields)) => fields,
                Ok(other) => return Err(wrong_type("the body", "a JSON object", &other)),
                Err(e) => return Err(invalid(format!("the body is not JSON: {e}"))),
            }
        };
        match fields.remove("action") {
            None | Some(Value::Null) => {}
            Some(Value::String(action)) if action == RUN_DBT => {}
            Some(Value::String(action)) => return Err(unknown_action(&action)),
            Some(other) => return Err(wrong_type("'action'", "a string", &other)),
        }
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
        Ok(Self { source, sync_info })
    }
}

fn unknown_action(action: &str) -> ApiError {
    let shown: String = action.chars().take(60).collect();
    ApiError::bad_request("unknown_action", format!("there is no action '{shown}'"))
        .with_hint(format!("use \"action\": \"{RUN_DBT}\""))
        .with_details(json!({"actions": [RUN_DBT]}))
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
    ApiError::bad_request("invalid_json", message).with_hint(format!(
        "send {{\"source\": \"<who asks>\", \"action\": \"{RUN_DBT}\"}}"
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(body: &str) -> String {
        let error = RunRequest::parse(body.as_bytes()).unwrap_err();
        assert_eq!(error.status(), 400);
        error.code().to_owned()
    }

    #[test]
    fn the_connectors_request_is_read() {
        let body = br#"{"source":"gitlab-connector","action":"run_dbt","sync_info":{"rows":3},"more":1}"#;
        let request = RunRequest::parse(body).expect("valid");
        assert_eq!(request.source, "gitlab-connector");
        assert_eq!(request.sync_info["rows"], 3);
    }

    #[test]
    fn nothing_asks_for_a_run() {
        for body in ["", " \n", "{}", r#"{"action":null}"#] {
            let request = RunRequest::parse(body.as_bytes()).expect("valid");
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
    fn deep_nesting_is_no_crash() {
        assert_eq!(code(&"[".repeat(500_000)), "invalid_json");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Err(error) = RunRequest::parse(&body) {
                prop_assert_eq!(error.status(), 400);
            }
        }

        #[test]
        fn only_one_action_is_known(action in "\\PC{0,30}") {
            prop_assume!(action != RUN_DBT);
            prop_assert_eq!(code(&json!({"action": action}).to_string()), "unknown_action");
        }
    }
}
