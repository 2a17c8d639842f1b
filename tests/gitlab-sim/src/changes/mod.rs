//! Changes that a test or the demo makes: each does what GitLab does, with all that follows from it, and
//! tells which rows moved.

mod kinds;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::data::{MergeRequest, State, World};
use crate::instant::Instant;
use crate::random::Random;

/// What is to change. Where no project or merge request is named, a fitting one is picked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    pub kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub iid: Option<u32>,
    /// Picks and made-up parts follow from it and from the number of changes so far.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seed: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    OpenMergeRequest,
    Merge,
    Close,
    Reopen,
    Comment,
    Approve,
    Push,
    FinishPipeline,
    FailPipeline,
    EditTitle,
    ToggleDraft,
    DeleteNote,
    DeleteMergeRequest,
    RenameUser,
}

/// What changed.
#[derive(Debug, Default)]
pub struct Changed {
    pub description: String,
    pub merge_request: Option<u64>,
    pub merge_requests: Vec<u64>,
    pub notes: Vec<u64>,
    pub pipelines: Vec<u64>,
}

/// Makes a change at `at`. The same change of the same world gives the same result.
pub fn apply(world: &mut World, change: &Change, at: Instant) -> Result<Value, String> {
    let mut random = Random::of(change.seed.unwrap_or(7), 9, world.changes);
    let changed = kinds::make(world, &mut random, change, at)?;
    world.changes += 1;
    world.newest = world.newest.max(at);
    let row = changed.merge_request.and_then(|id| world.merge_requests.get(id));
    if let Some(project) = row.map(|row| row.project) {
        world.record_activity(project, at);
    }
    let row = changed.merge_request.and_then(|id| world.merge_requests.get(id));
    Ok(json!({
        "kind": change.kind,
        "description": changed.description,
        "project": row.map(|row| world.project_of(row).full_path()),
        "iid": row.map(|row| row.iid),
        "merge_request_id": changed.merge_request,
        "rows": {"merge_requests": changed.merge_requests, "mr_notes": changed.notes, "pipelines": changed.pipelines},
    }))
}

/// The merge request that a change is about: the one it names, or one that `fits`.
fn pick(
    world: &World,
    random: &mut Random,
    change: &Change,
    fits: impl Fn(&MergeRequest) -> bool,
) -> Result<u64, String> {
    let project = match &change.project {
        Some(path) => Some(
            world
                .project_by_path(path)
                .ok_or_else(|| format!("there is no project {path}"))?
                .id,
        ),
        None => None,
    };
    let fitting: Vec<u64> = world
        .merge_requests
        .iter()
        .filter(|row| !row.hidden && !world.project_of(row).archived)
        .filter(|row| project.is_none_or(|project| row.project == project))
        .filter(|row| change.iid.is_none_or(|iid| row.iid == iid))
        .filter(|row| fits(row))
        .map(|row| row.id)
        .collect();
    if fitting.is_empty() {
        return Err(format!("no merge request fits the change {:?}", change.kind));
    }
    Ok(*random.pick(&fitting))
}

fn is_open(row: &MergeRequest) -> bool {
    row.state == State::Opened
}

/// `group/project!7`, as people refer to it.
fn reference(world: &World, id: u64) -> String {
    world
        .merge_requests
        .get(id)
        .map(|row| format!("{}!{}", world.project_of(row).full_path(), row.iid))
        .unwrap_or_default()
}
