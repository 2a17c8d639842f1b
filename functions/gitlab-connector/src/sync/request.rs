//! What a caller asks of one sync.

mod body;

use std::time::Duration;

use mergemind_shared::ApiError;
use time::OffsetDateTime;

use crate::config::{Options, Target};
use crate::streams::Streams;
use crate::sync::pass::Pass;
use crate::sync::resources::Resources;

pub use body::{LIMIT_FIELDS, REQUEST_FIELDS};

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

impl Request {
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
            // Lists that GitLab gives only whole are compared where somebody has named what: all of them cost as much as a full sync.
            let whole: &[Pass] = match self.scopes.is_empty() {
                true => &[],
                false => &[Pass::Dimensions, Pass::RestStreams],
            };
            return (options, [&[Pass::Reconcile], whole].concat());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_that_are_read_together_stay_together() {
        let streams = Streams::new();
        let request = Request {
            streams: ["mr_notes", "jobs"].map(ToOwned::to_owned).into(),
            ..Request::default()
        };
        let (options, only) = request.narrow(Options::of_streams(["mr_notes", "jobs"]), &streams);
        assert_eq!(only, [Pass::MergeRequests, Pass::RestStreams]);
        assert!(options.on("mr_notes") && options.on("jobs"));
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
}
