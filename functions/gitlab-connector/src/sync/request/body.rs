//! Reads a request out of a body.

use std::time::Duration;

use mergemind_shared::ApiError;
use mergemind_shared::config::Value;
use serde_json::{Map, Value as Json};

use super::Request;
use crate::config::{Options, parse_start};
use crate::streams::{Stream, Streams};

/// What every body may hold, beside a name of who asks.
pub const REQUEST_FIELDS: [&str; 7] = [
    "source",
    "streams",
    "scopes",
    "full_refresh",
    "reconcile",
    "confirm_deletions",
    "verify",
];
/// Settings that a body may make narrower than they are.
pub const LIMIT_FIELDS: [&str; 3] = ["start_date", "max_records_per_sync", "sync_deadline_seconds"];

impl Request {
    /// Takes what is meant for it out of a body.
    ///
    /// # Errors
    /// 400 with the name of what is not as it should be.
    pub fn take(body: &mut Map<String, Json>) -> Result<Self, ApiError> {
        let request = Self {
            full_refresh: flag(body, "full_refresh")?,
            reconcile: flag(body, "reconcile")?,
            confirm_deletions: flag(body, "confirm_deletions")?,
            verify: flag(body, "verify")?,
            streams: texts(body, "streams")?,
            scopes: texts(body, "scopes")?,
            ..Self::default()
        };
        let streams = Streams::new();
        if let Some(name) = request.streams.iter().find(|name| streams.find(name).is_none()) {
            let known: Vec<_> = streams.all().map(Stream::name).collect();
            return Err(
                ApiError::bad_request("unknown_stream", format!("there is no stream {name}"))
                    .with_hint(format!("streams are {}", known.join(", "))),
            );
        }
        Ok(request)
    }

    /// Takes limits that are narrower than the configured ones out of a body.
    ///
    /// # Errors
    /// 400 with the name of what is not as it should be, or wider.
    pub fn take_limits(&mut self, body: &mut Map<String, Json>, configured: &Options) -> Result<(), ApiError> {
        let [start_date, max_records, deadline] = LIMIT_FIELDS;
        self.start_date = limit(body, start_date, |text| {
            parse_start(text).ok_or_else(|| "must be a day such as 2026-01-31 or a time".into())
        })?;
        self.max_records = limit(body, max_records, |text| {
            let most = text.parse().ok().filter(|most| *most > 0);
            most.ok_or_else(|| "must be a whole number above 0".into())
        })?;
        self.at_most = limit(body, deadline, |text| {
            <Duration as Value>::parse(text).map_err(|_| "must be a length of time such as 300, 90s or 5m".into())
        })?;
        if self.start_date < configured.start_date && self.start_date.is_some() {
            return Err(wider(start_date, "earlier than START_DATE"));
        }
        if self
            .max_records
            .zip(configured.max_records)
            .is_some_and(|(own, most)| own > most)
        {
            return Err(wider(max_records, "more than MAX_RECORDS_PER_SYNC"));
        }
        if self.at_most.is_some_and(|own| own > configured.deadline) {
            let most = configured.deadline.as_secs();
            return Err(wider(deadline, &format!("longer than SYNC_DEADLINE_SECONDS, {most} s")));
        }
        Ok(())
    }
}

/// A limit of a body, as text or number.
fn limit<T>(
    body: &mut Map<String, Json>,
    name: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, ApiError> {
    let wrong = |problem: String| ApiError::bad_request("invalid_value", format!("{name} {problem}"));
    let text = match body.remove(name) {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::String(text)) => text,
        Some(Json::Number(number)) => number.to_string(),
        Some(_) => return Err(wrong("must be a text or a number".into())),
    };
    parse(text.trim()).map(Some).map_err(wrong)
}

fn wider(name: &str, than: &str) -> ApiError {
    ApiError::bad_request("setting_not_allowed", format!("{name} is {than}"))
        .with_hint("a request may only narrow what is configured")
}

fn flag(body: &mut Map<String, Json>, name: &str) -> Result<bool, ApiError> {
    match body.remove(name) {
        None | Some(Json::Null) => Ok(false),
        Some(Json::Bool(flag)) => Ok(flag),
        Some(Json::String(text)) if text == "true" || text == "false" => Ok(text == "true"),
        Some(_) => Err(ApiError::bad_request(
            "invalid_value",
            format!("{name} must be true or false"),
        )),
    }
}

fn texts(body: &mut Map<String, Json>, name: &str) -> Result<Vec<String>, ApiError> {
    let wrong = || ApiError::bad_request("invalid_value", format!("{name} must be a list of texts"));
    match body.remove(name) {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::String(text)) => Ok(text
            .split(',')
            .map(|part| part.trim().to_owned())
            .filter(|part| !part.is_empty())
            .collect()),
        Some(Json::Array(items)) => items
            .into_iter()
            .map(|item| item.as_str().map(ToOwned::to_owned).ok_or_else(wrong))
            .collect(),
        Some(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn take(body: Json) -> Result<Request, ApiError> {
        let Json::Object(mut body) = body else {
            unreachable!("an object")
        };
        Request::take(&mut body)
    }

    #[test]
    fn a_body_may_narrow_a_sync() {
        let request =
            take(json!({"full_refresh": "true", "streams": "issues, users", "scopes": ["acme"]})).expect("good");
        assert!(request.full_refresh && !request.reconcile);
        assert_eq!(request.streams, ["issues", "users"]);
        assert_eq!(request.scopes, ["acme"]);
    }

    #[test]
    fn limits_may_be_narrower_than_configured_and_not_wider() {
        let mut options = Options::of_streams(["issues"]);
        options.start_date = parse_start("2026-01-31");
        options.max_records = Some(100);
        let limits = |body: Json| {
            let Json::Object(mut body) = body else {
                unreachable!("an object")
            };
            let mut request = Request::default();
            request.take_limits(&mut body, &options).map(|()| request)
        };
        let request = limits(json!({
            "start_date": "2026-02-01", "max_records_per_sync": 7, "sync_deadline_seconds": "5m"
        }));
        let (narrowed, _) = request.expect("good").narrow(options.clone(), &Streams::new());
        assert_eq!(narrowed.start_date, parse_start("2026-02-01"));
        assert_eq!(
            (narrowed.max_records, narrowed.deadline),
            (Some(7), Duration::from_secs(300))
        );
        for body in [
            json!({"start_date": "2026-01-30"}),
            json!({"max_records_per_sync": "101"}),
            json!({"sync_deadline_seconds": 3601}),
        ] {
            let error = limits(body.clone()).expect_err("wider");
            assert_eq!(error.code(), "setting_not_allowed", "{body}");
        }
        for body in [
            json!({"start_date": "soon"}),
            json!({"max_records_per_sync": 0}),
            json!({"max_records_per_sync": -1}),
            json!({"sync_deadline_seconds": true}),
            json!({"sync_deadline_seconds": ""}),
        ] {
            let error = limits(body.clone()).expect_err("wrong");
            assert_eq!(error.code(), "invalid_value", "{body}");
        }
        // Without limits of its own it has the configured ones.
        let (narrowed, _) = limits(json!({}))
            .expect("good")
            .narrow(options.clone(), &Streams::new());
        assert_eq!(
            (narrowed.start_date, narrowed.max_records, narrowed.deadline),
            (options.start_date, options.max_records, options.deadline)
        );
    }

    #[test]
    fn what_is_not_understood_is_named() {
        assert!(take(json!({"streams": ["merge_request"]})).is_err());
        assert!(take(json!({"reconcile": 1})).is_err());
        assert!(take(json!({"scopes": 7})).is_err());
    }
}
