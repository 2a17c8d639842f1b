//! Parts that several payloads share.

use serde_json::{Value, json};

use crate::data::{BASE_URL, Label, MergeRequest, Owner, Project, World, commits, hex, words};
use crate::instant::{Instant, print, print_hook};
use crate::random::Random;

const HOST: &str = "gitlab.acme.example";

pub fn user(world: &World, id: Option<u64>) -> Value {
    let user = id.and_then(|id| world.users.get(id));
    user.map_or(Value::Null, |user| {
        json!({
            "id": user.id, "name": user.name, "username": user.username, "avatar_url": null,
            // GitLab tells an address only if its owner made it public.
            "email": user.public_email.as_deref().unwrap_or("[REDACTED]"),
        })
    })
}

pub fn people(world: &World, ids: impl IntoIterator<Item = u64>) -> Value {
    ids.into_iter().map(|id| user(world, Some(id))).collect()
}

pub fn project(row: &Project) -> Value {
    let path = row.full_path();
    let (web, ssh) = (format!("{BASE_URL}/{path}"), format!("git@{HOST}:{path}.git"));
    let http = format!("{web}.git");
    json!({
        "id": row.id, "name": row.name, "description": row.description, "web_url": web, "avatar_url": null,
        "git_ssh_url": ssh, "git_http_url": http, "namespace": row.namespace_name.rsplit(" / ").next(),
        "visibility_level": visibility_level(row.visibility), "path_with_namespace": path,
        "default_branch": row.default_branch, "ci_config_path": null, "homepage": web, "url": ssh, "ssh_url": ssh,
        "http_url": http,
    })
}

pub fn repository(row: &Project) -> Value {
    let path = row.full_path();
    json!({
        "name": row.name, "url": format!("git@{HOST}:{path}.git"), "description": row.description,
        "homepage": format!("{BASE_URL}/{path}"),
    })
}

pub fn visibility_level(visibility: &str) -> u32 {
    match visibility {
        "public" => 20,
        "internal" => 10,
        _ => 0,
    }
}

pub fn labels(world: &World, ids: &[u64]) -> Value {
    ids.iter().filter_map(|id| world.labels.get(*id)).map(label).collect()
}

fn label(row: &Label) -> Value {
    json!({
        "id": row.id, "title": row.title, "color": row.color, "project_id": row.owner.project(),
        "created_at": print_hook(row.created_at), "updated_at": print_hook(row.updated_at), "template": false,
        "description": row.description,
        "type": if matches!(row.owner, Owner::Group(_)) { "GroupLabel" } else { "ProjectLabel" },
        "group_id": row.owner.group(),
    })
}

/// The head commit of a merge request.
pub fn last_commit(world: &World, row: &MergeRequest) -> Value {
    let project = world.project_of(row).full_path();
    commits(world, row).first().map_or(Value::Null, |head| {
        let sha = hex(&head.sha);
        json!({
            "id": sha, "message": format!("{}\n", head.title), "title": head.title,
            "timestamp": print(head.committed_at), "url": format!("{BASE_URL}/{project}/-/commit/{sha}"),
            "author": {"name": head.author_name, "email": "[REDACTED]"},
        })
    })
}

/// A commit that is known by its name only, such as a pipeline's.
pub fn bare_commit(project: &Project, sha: &str, at: Instant) -> Value {
    let title = words::title(&mut Random::of(at.unsigned_abs(), 98, 0));
    json!({
        "id": sha, "message": format!("{title}\n"), "title": title, "timestamp": print(at),
        "url": format!("{BASE_URL}/{}/-/commit/{sha}", project.full_path()),
        "author": {"name": "Somebody", "email": "[REDACTED]"},
    })
}

pub fn time(at: Option<Instant>) -> Option<String> {
    at.map(print_hook)
}

pub fn state_id(state: &str) -> u32 {
    match state {
        "opened" => 1,
        "closed" => 2,
        "merged" => 3,
        _ => 4,
    }
}
