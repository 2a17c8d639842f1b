//! Changes that a test or the demo makes: each does what GitLab does, with all that follows from it and nothing else,
//! and tells which rows moved.

mod edits;
mod issues;
mod kind;
mod lifecycle;
mod moved;
mod pipelines;
mod planning;
mod projects;
mod review;
mod scene;
mod settings;
mod talk;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use kind::Kind;
pub use moved::Moved;
use scene::Scene;

use crate::data::{MergeRequest, Project, World};
use crate::instant::Instant;

/// What is to change. Where no project or merge request is named, a fitting one is picked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    pub kind: Kind,
    /// A project's full path: what is changed, or where.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub iid: Option<u32>,
    /// A group's full path: what is changed, or where to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<String>,
    /// The name of what is made, or the new name of what is renamed; where an existing label or milestone is meant, its
    /// title.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// Picks and made-up parts follow from it and from the number of changes so far.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seed: Option<u64>,
    /// How many merge requests a `bulk_edit` is about, 20 if not given; how many of the oldest pipelines are deleted.
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
            group: None,
            name: None,
            seed: None,
            count: None,
        }
    }
}

/// What a change did, in words, and to which merge request if it was one.
struct Done {
    description: String,
    about: About,
    /// The user who did it, if it was one.
    by: Option<u64>,
}

/// What a change was about; the names outlive it when it is deleted.
enum About {
    Nothing,
    MergeRequest(Named),
    Issue(Named),
    /// A project's id.
    Project(u64),
}

struct Named {
    id: u64,
    project: String,
    iid: u32,
}

impl Done {
    fn beside_rows(description: String) -> Self {
        Self {
            description,
            about: About::Nothing,
            by: None,
        }
    }
}

/// A change that was made.
pub struct Made {
    pub kind: Kind,
    pub at: Instant,
    /// The user who did it, if it was one.
    pub by: Option<u64>,
    pub merge_request: Option<u64>,
    pub issue: Option<u64>,
    pub moved: Moved,
    /// The merge requests that were touched, as they were before; a new one is not among them.
    pub before: BTreeMap<u64, MergeRequest>,
    /// What whoever asked for the change is told.
    pub told: Value,
}

/// Makes a change at `at` (microseconds since 1970, not before the newest instant in the data). The same change of the
/// same world gives the same result. `rows` in the answer lists the rows that are new, gone or different.
///
/// # Errors
/// A sentence if nothing fits; then nothing has changed.
pub fn apply(world: &mut World, change: &Change, at: Instant) -> Result<Value, String> {
    make(world, change, at).map(|made| made.told)
}

/// Like [`apply`], with all that a webhook tells of it.
///
/// # Errors
/// A sentence if nothing fits; then nothing has changed.
pub fn make(world: &mut World, change: &Change, at: Instant) -> Result<Made, String> {
    let mut scene = Scene::new(world, change, at);
    let done = kind::make(&mut scene)?;
    let (moved, before) = scene.finish();
    let (mut merge_request, mut issue, mut project_id, mut named) = (None, None, None, None);
    match done.about {
        About::Nothing => {}
        About::Project(id) => project_id = Some(id),
        About::MergeRequest(about) => {
            merge_request = Some(about.id);
            named = Some(about);
        }
        About::Issue(about) => {
            issue = Some(about.id);
            named = Some(about);
        }
    }
    let project = project_id.and_then(|id| world.projects.get(id)).map(Project::full_path);
    let told = json!({
        "kind": change.kind,
        "description": done.description,
        "project": named.as_ref().map(|named| named.project.clone()).or(project),
        "iid": named.as_ref().map(|named| named.iid),
        "project_id": project_id,
        "merge_request_id": merge_request,
        "issue_id": issue,
        "rows": moved,
    });
    Ok(Made {
        kind: change.kind,
        at,
        by: done.by,
        merge_request,
        issue,
        moved,
        before,
        told,
    })
}
