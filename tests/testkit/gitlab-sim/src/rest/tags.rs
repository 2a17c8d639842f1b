//! `/projects/:id/repository/tags`: every tenth commit of the default branch has one.

use serde_json::{Value, json};

use super::commits;
use super::features::Feature;
use super::history::{self, Commit};
use super::page::Length;
use super::releases;
use super::request::{Call, Reply};
use crate::data::{Project, World, hex};
use crate::generate::sha;
use crate::instant::print;
use crate::random::Random;

const COMMITS_PER_TAG: usize = 10;

pub struct Tag {
    pub name: String,
    /// Counts from 0.
    pub number: usize,
    /// An annotated tag has a message and is an object of its own; others point to the commit directly.
    pub message: Option<String>,
    pub target: String,
    pub commit: Commit,
}

/// The newest first.
pub fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    let project = call.project_with(Feature::Repository)?;
    let tags = tags(call.world(), project);
    call.page(tags.iter().rev(), Length::Told, |tag| {
        json!({
            "name": tag.name, "message": tag.message, "target": tag.target, "protected": is_protected(tag),
            "commit": commits::body(project, &tag.commit), "created_at": null,
            "release": releases::of_tag(tag).map(|release| json!({
                "tag_name": tag.name, "description": release.description,
            })),
        })
    })
}

/// Rows of `tags`.
pub fn rows(world: &World, project: &Project) -> Vec<Value> {
    let row = |tag: &Tag| {
        json!({
            "project_id": project.id, "name": tag.name, "message": tag.message, "target_sha": tag.target,
            "commit_sha": tag.commit.sha, "committed_at": print(tag.commit.committed_at),
            "protected": is_protected(tag),
        })
    };
    tags(world, project).iter().map(row).collect()
}

/// The oldest first.
pub fn tags(world: &World, project: &Project) -> Vec<Tag> {
    let mut commits = history::default_branch(world, project);
    commits.reverse();
    let tagged = commits.into_iter().skip(COMMITS_PER_TAG - 1).step_by(COMMITS_PER_TAG);
    let tag = |(number, commit): (usize, Commit)| {
        let name = format!("v{}.{}.0", number / 4 + 1, number % 4);
        let annotated = number.is_multiple_of(2);
        let object = sha(&mut Random::of(project.id, 44, number as u64));
        Tag {
            message: annotated.then(|| format!("Release {name}\n\n\"Ünïcode\" & more")),
            target: if annotated { hex(&object) } else { commit.sha.clone() },
            name,
            number,
            commit,
        }
    };
    tagged.enumerate().map(tag).collect()
}

fn is_protected(tag: &Tag) -> bool {
    tag.number.is_multiple_of(3)
}
