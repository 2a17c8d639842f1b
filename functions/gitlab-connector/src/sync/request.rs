//! What a caller asks of one sync.

use std::time::Duration;

use mergemind_shared::ApiError;
use serde_json::{Map, Value as Json};

use crate::config::{Options, Target};
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
    /// Only these streams, and those that are read together with them.
    pub streams: Vec<String>,
    /// Only these scopes, by full path.
    pub scopes: Vec<String>,
    /// Stop at the next checkpoint after this time, if that comes before the deadline.
    pub at_most: Option<Duration>,
}

impl Request {
    /// Takes what is meant for it out of a body.
    ///
    /// # Errors
    /// 400 with the name of what is not as it should be.
    pub fn take(body: &mut Map<String, Json>) -> Result<Self, ApiError> {
        let request = Self {
            full_refresh: flag(body, "full_refresh")?,
            reconcile: flag(body, "reconcile")?,
            streams: texts(body, "streams")?,
            scopes: texts(body, "scopes")?,
            at_most: None,
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

    /// The groups and projects to sync.
    pub fn targets(&self, inner: &Resources) -> Vec<Target> {
        let wanted = |target: &&Target| {
            self.scopes.is_empty()
                || self
                    .scopes
                    .iter()
                    .any(|name| *name == target.to_string() || name == target.path())
        };
        inner.config.targets.iter().filter(wanted).cloned().collect()
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
            let known = |target: &Target| *name == target.to_string() || name == target.path();
            if !targets.iter().any(known) {
                let all: Vec<&str> = targets.iter().map(Target::path).collect();
                return Err(
                    ApiError::bad_request("unknown_scope", format!("{name} is not configured to be synced"))
                        .with_hint(format!("configured are: {}", all.join(", "))),
                );
            }
        }
        Ok(())
    }

    /// What the sync is to do: the passes that read the streams that are asked for.
    pub fn narrow(&self, mut options: Options, streams: &Streams) -> (Options, Vec<Pass>) {
        options.deadline = self.at_most.map_or(options.deadline, |time| time.min(options.deadline));
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
    fn what_is_not_understood_is_named() {
        assert!(take(json!({"streams": ["merge_request"]})).is_err());
        assert!(take(json!({"reconcile": 1})).is_err());
        assert!(take(json!({"scopes": 7})).is_err());
    }
}
