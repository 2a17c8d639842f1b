//! Reading a request's body: one operation, or several at once (GitLab's "multiplex").

use apollo_compiler::response::JsonMap;
use serde_json::Value;

use super::MAX_QUERY_CHARS;

/// One operation to execute.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub query: String,
    pub variables: JsonMap,
    pub operation_name: Option<String>,
}

/// The operations of a body, and whether they came as an array; or the message of a 422.
pub fn read(body: &Value) -> Result<(Vec<Request>, bool), String> {
    let (operations, multiplex) = match body {
        Value::Array(several) => (several.iter().map(one).collect::<Result<Vec<_>, _>>()?, true),
        single => (vec![one(single)?], false),
    };
    let chars: usize = operations.iter().map(|operation| operation.query.chars().count()).sum();
    if chars > MAX_QUERY_CHARS {
        return Err("Query too large".to_owned());
    }
    Ok((operations, multiplex))
}

fn one(body: &Value) -> Result<Request, String> {
    let variables = match &body["variables"] {
        Value::Null => JsonMap::new(),
        // GitLab also takes the variables as text that holds JSON.
        Value::String(text) if text.is_empty() => JsonMap::new(),
        Value::String(text) => serde_json::from_str(text).map_err(|_| "Variables are invalid JSON".to_owned())?,
        Value::Object(_) => {
            serde_json::from_value(body["variables"].clone()).map_err(|_| "Variables are invalid JSON".to_owned())?
        }
        other => return Err(format!("Unexpected parameter: {other}")),
    };
    Ok(Request {
        query: body["query"].as_str().unwrap_or_default().to_owned(),
        variables,
        operation_name: body["operationName"]
            .as_str()
            .filter(|name| !name.is_empty())
            .map(str::to_owned),
    })
}
