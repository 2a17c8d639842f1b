//! Changes that a test or the demo makes: each does what GitLab does, with all that follows from it and nothing else,
//! and tells which rows moved.

mod edits;
mod kind;
mod lifecycle;
mod pipelines;
mod review;
mod scene;
mod settings;
mod talk;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use kind::Kind;
use scene::Scene;

use crate::data::World;
use crate::instant::Instant;

/// What is to change. Where no project or merge request is named, a fitting one is picked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    pub kind: Kind,
    /// A project's full path.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub iid: Option<u32>,
    /// Picks and made-up parts follow from it and from the number of changes so far.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seed: Option<u64>,
    /// How many merge requests a `bulk_edit` is about; 20 if not given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub count: Option<usize>,
}

impl Change {
    /// A change of a kind, of whatever fits.
    pub fn of(kind: Kind) -> Self {
        Self {
            kind,
            project: None,
            iid: None,
            seed: None,
            count: None,
        }
    }
}

/// What a change did, in words, and to which merge request if it was one.
struct Done {
    description: String,
    merge_request: Option<Named>,
}

/// A merge request's names; they outlive it when it is deleted.
struct Named {
    id: u64,
    project: String,
    iid: u32,
}

/// Makes a change at `at` (microseconds since 1970, not before the newest instant in the data). The same change of the
/// same world gives the same result. `rows` in the answer lists the rows that are new, gone or different.
///
/// # Errors
/// A sentence if nothing fits; then nothing has changed.
pub fn apply(world: &mut World, change: &Change, at: Instant) -> Result<Value, String> {
    let mut scene = Scene::new(world, change, at);
    let done = kind::make(&mut scene)?;
    let moved = scene.finish();
    let about = done.merge_request;
    Ok(json!({
        "kind": change.kind,
        "description": done.description,
        "project": about.as_ref().map(|named| &named.project),
        "iid": about.as_ref().map(|named| named.iid),
        "merge_request_id": about.as_ref().map(|named| named.id),
        "rows": moved,
    }))
}
