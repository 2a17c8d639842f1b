//! Whoever calls the functions: every one has to get an answer, in which there is no secret.

use local_stack::{Failed, http};
use serde_json::{Value, json};

use crate::checks::secrets;
use crate::programs::TRIGGER_TOKEN;
use crate::tally::Tally;

/// Status and body.
pub type Answer = (u16, Value);

/// Asks the connector at `url` for a sync. Without an answer it is an error, unless the connector `may_die`.
///
/// # Errors
/// If there is no answer, or none that the connector may give.
pub fn sync(tally: &Tally, url: &str, body: &Value, may_die: bool) -> Result<Option<Answer>, Failed> {
    let answer = answered(tally, http::post(url, None, body), may_die)?;
    if let Some((status, body)) = &answer {
        // 500 is an error that nobody thought of.
        if !matches!(status, 200 | 409 | 422 | 502 | 503) {
            return Err(format!("a sync was answered with {status}: {body:#}"));
        }
        let outcome = body["code"].as_str().or(body["status"].as_str()).unwrap_or("unknown");
        tally.sync(&format!("{status} {outcome}"));
    } else {
        tally.sync("killed");
    }
    Ok(answer)
}

/// Asks dbt-trigger at `url` for a run of the incremental marts and all they are made of.
///
/// # Errors
/// If there is no answer, unless the function `may_die`.
pub fn run(tally: &Tally, url: &str, more: &Value, may_die: bool) -> Result<Option<Answer>, Failed> {
    let mut order = json!({
        "source": "chaos",
        "select": ["+dim_merge_requests", "+fct_pipelines"],
        "exclude": "resource_type:test",
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        order[name.as_str()] = value.clone();
    }
    answered(tally, http::post(url, Some(TRIGGER_TOKEN), &order), may_die)
}

/// Takes what a caller got.
///
/// # Errors
/// If it is nothing, no JSON, or holds a secret.
pub fn answered(tally: &Tally, got: Result<Answer, String>, may_die: bool) -> Result<Option<Answer>, Failed> {
    match got {
        Ok((status, Value::Null)) => Err(format!("a caller got {status} and no JSON")),
        Ok((status, body)) => {
            secrets::none_within("an answer", &body.to_string())?;
            tally.caller("answered");
            Ok(Some((status, body)))
        }
        Err(_) if may_die => {
            tally.caller("cut off by a kill");
            Ok(None)
        }
        Err(problem) => Err(format!("a caller got no answer: {problem}")),
    }
}
