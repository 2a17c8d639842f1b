//! `/projects/:id/releases`: two of three tags are released, some later than they were tagged.

use serde_json::{Value, json};

use super::commits;
use super::features::Feature;
use super::format::{project_url, time};
use super::page::Length;
use super::request::{Call, Reply};
use super::tags::{Tag, tags};
use super::users;
use crate::data::{Project, World};
use crate::instant::{DAY, Instant, print};

pub struct Release {
    pub description: String,
    pub created_at: Instant,
    pub released_at: Instant,
}

/// The newest first.
pub fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    let project = call.project_with(Feature::Releases)?;
    let world = call.world();
    let tags = tags(world, project);
    let mut released: Vec<(&Tag, Release)> = tags.iter().filter_map(|tag| Some((tag, of_tag(tag)?))).collect();
    released.sort_by_key(|(_, release)| std::cmp::Reverse(release.released_at));
    call.page(released.iter(), Length::Told, |(tag, release)| {
        let mut body = json!({
            "name": name(tag), "tag_name": tag.name, "description": release.description,
            "created_at": time(release.created_at), "released_at": time(release.released_at),
            "commit": commits::body(project, &tag.commit), "upcoming_release": release.released_at > world.newest,
            "commit_path": format!("/{}/-/commit/{}", project.full_path(), tag.commit.sha),
            "tag_path": format!("/{}/-/tags/{}", project.full_path(), tag.name),
            "assets": {"count": 0, "sources": [], "links": []}, "evidences": [],
            "_links": {"self": format!("{}/-/releases/{}", project_url(project), tag.name)},
        });
        // GitLab leaves the author out where there is none.
        if let Some(author) = tag.commit.user.and_then(|id| world.users.get(id)) {
            body["author"] = users::basic(author);
        }
        body
    })
}

/// Rows of `releases`.
pub fn rows(world: &World, project: &Project) -> Vec<Value> {
    let row = |tag: &Tag| {
        let release = of_tag(tag)?;
        Some(json!({
            "project_id": project.id, "tag_name": tag.name, "name": name(tag), "description": release.description,
            "author_id": tag.commit.user, "commit_sha": tag.commit.sha,
            "upcoming_release": release.released_at > world.newest, "created_at": print(release.created_at),
            "released_at": print(release.released_at),
        }))
    };
    tags(world, project).iter().filter_map(row).collect()
}

/// The release that a tag has, if it has one.
pub fn of_tag(tag: &Tag) -> Option<Release> {
    let created_at = tag.commit.committed_at;
    let late = if tag.number % 5 == 4 { 9 * DAY } else { 0 };
    (tag.number % 3 != 2).then(|| Release {
        description: format!("## What is new\n\n- {}\n", tag.commit.title()),
        created_at,
        released_at: created_at + late,
    })
}

fn name(tag: &Tag) -> String {
    format!("Release {}", tag.name)
}
