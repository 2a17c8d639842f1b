//! The body of `POST /`.

use mergemind_shared::ApiError;
use mergemind_shared::config::Fields;
use serde_json::{Map, Value};

/// The fields of a body that is empty or a JSON object. Each has its name for itself, and nothing in it refers to what
/// this process can read.
///
/// # Errors
/// 400 with what is wrong.
pub fn fields(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if body.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    let fields: Fields = serde_json::from_slice(body)
        .map_err(|_| ApiError::bad_request("invalid_json", "the body is neither empty nor a JSON object"))?;
    if let Some(name) = fields.named_twice() {
        return Err(
            ApiError::bad_request("duplicate_field", format!("the body has two fields named {name}"))
                .with_hint("name each field once; case does not matter"),
        );
    }
    let fields = fields.into_map();
    if let Some((name, _)) = fields.iter().find(|(_, value)| refers(value)) {
        return Err(ApiError::bad_request(
            "reference_not_allowed",
            format!("{name} holds a reference (${{…}}), which a request may not have"),
        )
        .with_hint("give the value itself; references are for CONFIG_FILE"));
    }
    Ok(fields)
}

/// Whether a text in it may stand for a variable.
fn refers(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("${"),
        Value::Array(items) => items.iter().any(refers),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains("${") || refers(value)),
        _ => false,
    }
}

/// 400 for a field that is not among the allowed ones.
pub fn not_allowed(name: &str, allowed: &[&str]) -> ApiError {
    ApiError::bad_request(
        "setting_not_allowed",
        format!("{name} is nothing that a request may set"),
    )
    .with_hint(format!("a body may hold {}", allowed.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_names_each_field_once_and_refers_to_nothing() {
        let code = |body: &str| fields(body.as_bytes()).map_err(|error| error.code().to_owned());
        assert_eq!(code(" \n"), Ok(Map::new()));
        assert_eq!(code(r#"{"streams": ["issues"]}"#).map(|fields| fields.len()), Ok(1));
        for (body, expected) in [
            ("[]", "invalid_json"),
            ("{nope", "invalid_json"),
            (
                r#"{"GITLAB_TOKEN": "plain", "gitlab_token": "${MINE}"}"#,
                "duplicate_field",
            ),
            (r#"{"streams": [], "streams": []}"#, "duplicate_field"),
            (r#"{"source": "${MINE}"}"#, "reference_not_allowed"),
            (r#"{"scopes": ["a", "${MINE}"]}"#, "reference_not_allowed"),
            (r#"{"x": {"y": [{"z": "${"}]}}"#, "reference_not_allowed"),
            (r#"{"x": {"${Y}": 1}}"#, "reference_not_allowed"),
        ] {
            assert_eq!(code(body), Err(expected.to_owned()), "{body}");
        }
    }
}
