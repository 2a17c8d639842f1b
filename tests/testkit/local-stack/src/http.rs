//! JSON over HTTP, to loopback.

use std::time::Duration;

use serde_json::Value;

/// Status and JSON body of an answer; `Null` if the body is not JSON.
pub type Answer = (u16, Value);

/// Larger than any answer of ours: the simulated GitLab lists whole tables.
const BODY_LIMIT: u64 = 1 << 30;

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(600)))
        .http_status_as_error(false)
        .build()
        .into()
}

fn read(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer, String> {
    let mut response = response.map_err(|e| e.to_string())?;
    let status = response.status().as_u16();
    let body = response
        .body_mut()
        .with_config()
        .limit(BODY_LIMIT)
        .read_to_vec()
        .map_err(|e| e.to_string())?;
    Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
}

/// `GET`.
///
/// # Errors
/// If there is no answer.
pub fn get(url: &str) -> Result<Answer, String> {
    read(agent().get(url).call())
}

/// `GET` with headers.
///
/// # Errors
/// If there is no answer.
pub fn get_with(url: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
    let mut request = agent().get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    read(request.call())
}

/// `GET` of a page, with a token: its status and text.
///
/// # Errors
/// If there is no answer.
pub fn get_page(url: &str, token: &str) -> Result<(u16, String), String> {
    let request = agent().get(url).header("Authorization", format!("Bearer {token}"));
    let mut answer = request.call().map_err(|e| e.to_string())?;
    let text = answer.body_mut().with_config().limit(64 << 20).read_to_string();
    Ok((answer.status().as_u16(), text.map_err(|e| e.to_string())?))
}

/// `POST` of JSON.
///
/// # Errors
/// If there is no answer.
pub fn post(url: &str, token: Option<&str>, body: &Value) -> Result<Answer, String> {
    post_text(url, token, &body.to_string())
}

/// `POST` of anything that calls itself JSON.
///
/// # Errors
/// If there is no answer.
pub fn post_text(url: &str, token: Option<&str>, body: &str) -> Result<Answer, String> {
    let mut request = agent().post(url).header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    read(request.send(body))
}

/// `DELETE`.
///
/// # Errors
/// If there is no answer.
pub fn delete(url: &str) -> Result<Answer, String> {
    read(agent().delete(url).call())
}

/// `POST` of JSON with headers.
///
/// # Errors
/// If there is no answer.
pub fn post_with(url: &str, headers: &[(&str, &str)], body: &Value) -> Result<Answer, String> {
    let mut request = agent().post(url).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    read(request.send(body.to_string()))
}
