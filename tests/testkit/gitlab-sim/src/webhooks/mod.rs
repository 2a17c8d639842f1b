//! What GitLab posts to webhooks after a change.

mod merge_request;
mod note;
mod parts;
mod pipeline;
mod push;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::changes::{Kind, Made};
use crate::data::World;

/// A kind of event that a hook may want.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    MergeRequest,
    Note,
    Pipeline,
    Push,
}

impl Event {
    pub const ALL: [Self; 4] = [Self::MergeRequest, Self::Note, Self::Pipeline, Self::Push];

    /// The value of the header `X-Gitlab-Event` for a payload.
    pub fn header(self, body: &Value) -> &'static str {
        match self {
            Self::Note if body["event_type"] == "confidential_note" => "Confidential Note Hook",
            Self::MergeRequest => "Merge Request Hook",
            Self::Note => "Note Hook",
            Self::Pipeline => "Pipeline Hook",
            Self::Push => "Push Hook",
        }
    }
}

/// The events of a change that was just made, in GitLab's order. Deletions, settings and what is hidden cause none; nor
/// do system notes.
pub fn events(world: &World, made: &Made) -> Vec<(Event, Value)> {
    let mut events = Vec::new();
    if made.kind == Kind::Push {
        let pushed = made.merge_request.and_then(|id| push::of_branch(world, made, id));
        events.extend(pushed.map(|body| (Event::Push, body)));
    }
    if let Some(action) = merge_request::action(world, made) {
        let ids = match made.kind {
            Kind::BulkEdit | Kind::Tie => made.moved.merge_requests.iter().copied().collect(),
            _ => Vec::from_iter(made.merge_request),
        };
        let bodies = ids
            .into_iter()
            .filter_map(|id| merge_request::body(world, made, id, action));
        events.extend(bodies.map(|body| (Event::MergeRequest, body)));
    }
    if made.kind == Kind::Merge {
        let merged = made.merge_request.and_then(|id| push::of_merge(world, made, id));
        events.extend(merged.map(|body| (Event::Push, body)));
    }
    if matches!(
        made.kind,
        Kind::Comment | Kind::ThrottledTouch | Kind::EditNote | Kind::CommentIssue
    ) {
        events.extend(note::bodies(world, made).into_iter().map(|body| (Event::Note, body)));
    }
    let pipelines = made.moved.pipelines.iter();
    let bodies = pipelines.filter_map(|id| pipeline::body(world, world.pipelines.get(*id)?));
    events.extend(bodies.map(|body| (Event::Pipeline, body)));
    events
}
