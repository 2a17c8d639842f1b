//! What a caller asks of one sync.

use std::time::Duration;

use mergemind_shared::ApiError;
use mergemind_shared::config::Value;
use serde_json::{Map, Value as Json};
use time::OffsetDateTime;

use crate::config::{Options, Target, parse_start};
use crate::streams::{Stream, Streams};
use crate::sync::pass::Pass;
use crate::sync::resources::Resources;

/// What a caller asks of one sync. The default is all that is configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Read everything from the beginning.
    pub full_refresh: bool,
    /// Do all that is done now and then, whether it is time or not: look for what is gone, read open merge
    /// requests, groups, labels and milestones.
    pub reconcile: bool,
    /// Mark what GitLab no longer shows as deleted, however much it is.
    pub confirm_deletions: bool,
    /// Only compare with GitLab now, and repair what differs.
    pub verify: bool,
    /// Only these streams, and those that are read together with them.
    pub streams: Vec<String>,
    /// Only these scopes, by full path.
    pub scopes: Vec<String>,
    /// Stop at the next checkpoint after this time, if that comes before the deadline.
    pub at_most: Option<Duration>,
    /// Stop at the next checkpoint after so many rows, if that comes before the configured number.
    pub max_records: Option<u64>,
    /// Leave out what was last updated before, if that is later than the configured start.
    pub start_date: Option<OffsetDateTime>,
}

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

    /// The groups and projects to sync. A project below a configured group may be named alone.
    pub fn targets(&self, configured: &[Target]) -> Vec<Target> {
        if self.scopes.is_empty() {
            return configured.to_vec();
        }
        let named = self.scopes.iter().filter_map(|name| target_of(name, configured));
        let mut targets: Vec<Target> = Vec::new();
        for target in named {
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        targets
    }

    /// Whether everything that is asked for is configured.
    ///
    /// # Errors
    /// 400 with the name of what is not.
    pub fn check(&self, inner: &Resources) -> Result<(), ApiError> {
        if let Some(name) = self.streams.iter().find(|name| !inner.config.options.on(name)) {
            return Err(
                ApiError::bad_request("unknown_stream", format!("the stream {name} is switched off"))
                    .with_hint("name it in STREAMS, or take it out of STREAMS_OFF"),
            );
        }
        let targets = &inner.config.targets;
        for name in &self.scopes {
            if target_of(name, targets).is_none() {
                let all: Vec<&str> = targets.iter().map(Target::path).collect();
                return Err(
                    ApiError::bad_request("unknown_scope", format!("{name} is not configured to be synced")).with_hint(
                        format!(
                            "configured are: {}; a project below one of these groups may be named, too",
                            all.join(", ")
                        ),
                    ),
                );
            }
        }
        Ok(())
    }

    /// What the sync is to do: the passes that read the streams that are asked for.
    pub fn narrow(&self, mut options: Options, streams: &Streams) -> (Options, Vec<Pass>) {
        options.deadline = self.at_most.map_or(options.deadline, |time| time.min(options.deadline));
        options.max_records = self.max_records.into_iter().chain(options.max_records).min();
        options.start_date = self.start_date.max(options.start_date);
        if self.verify {
            return (options, vec![Pass::Reconcile]);
        }
        let wanted = self.streams.iter().filter_map(|name| streams.find(name));
        let mut only: Vec<Pass> = wanted
            .map(|stream| Pass::of(stream, streams).unwrap_or(Pass::Reconcile))
            .collect();
        if self.reconcile && only.contains(&Pass::MergeRequests) {
            only.push(Pass::OpenMergeRequests);
        }
        if self.reconcile && !only.is_empty() {
            only.push(Pass::Reconcile);
        }
        (options, only)
    }
}

/// What a scope of a body names.
fn target_of(name: &str, configured: &[Target]) -> Option<Target> {
    let is_named = |target: &&Target| *name == target.to_string() || name == target.path();
    if let Some(target) = configured.iter().find(is_named) {
        return Some(target.clone());
    }
    let path = name.strip_prefix("project:").unwrap_or(name).trim_matches('/');
    let holds = |target: &Target| matches!(target, Target::Group(_)) && target.holds(path);
    configured.iter().any(holds).then(|| Target::Project(path.to_owned()))
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
    fn streams_that_are_read_together_stay_together() {
        let streams = Streams::new();
        let request = take(json!({"streams": ["mr_notes", "jobs"]})).expect("good");
        let (options, only) = request.narrow(Options::of_streams(["mr_notes", "jobs"]), &streams);
        assert_eq!(only, [Pass::MergeRequests, Pass::RestStreams]);
        assert!(options.on("mr_notes") && options.on("jobs"));
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
    fn a_project_below_a_configured_group_may_be_named_and_no_other() {
        let configured = [Target::Group("acme".into()), Target::Project("other/x".into())];
        let targets = |scopes: &[&str]| {
            let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
            let request = Request {
                scopes,
                ..Request::default()
            };
            request.targets(&configured)
        };
        let project = |path: &str| Target::Project(path.to_owned());
        assert_eq!(targets(&[]), configured);
        assert_eq!(
            targets(&["Acme/web/ui", "project:acme/api", "other/x", "acmes/web", "other/y"]),
            [project("Acme/web/ui"), project("acme/api"), project("other/x")]
        );
    }

    #[test]
    fn what_is_not_understood_is_named() {
        assert!(take(json!({"streams": ["merge_request"]})).is_err());
        assert!(take(json!({"reconcile": 1})).is_err());
        assert!(take(json!({"scopes": 7})).is_err());
    }
}
