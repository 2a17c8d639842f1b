//! Each kind of change.

use super::{Change, Changed, Kind, is_open, pick, reference};
use crate::data::{Discussions, MergeRequest, Note, Pipeline, Size, State, Text, World, system_notes, words};
use crate::generate::{person, run_pipeline, sha};
use crate::instant::{HOUR, Instant};
use crate::random::Random;

pub fn make(world: &mut World, random: &mut Random, change: &Change, at: Instant) -> Result<Changed, String> {
    match change.kind {
        Kind::OpenMergeRequest => open(world, random, change, at),
        Kind::Merge => {
            let id = pick(world, random, change, |row| is_open(row) && row.author.is_some())?;
            let commit = sha(random);
            let merger = world.merge_requests.get(id).and_then(|row| row.author);
            world.save(id, at, |row| {
                row.state = State::Merged;
                row.draft = false;
                row.merged_at = Some(at);
                row.merge_user = merger;
                row.merge_commit_sha = Some(commit);
            });
            Ok(told(world, id, merger, "git-merge", "merged".into(), at, "was merged"))
        }
        Kind::Close => {
            let id = pick(world, random, change, is_open)?;
            world.save(id, at, |row| {
                row.state = State::Closed;
                row.closed_at = Some(at);
            });
            let author = world.merge_requests.get(id).and_then(|row| row.author);
            Ok(told(
                world,
                id,
                author,
                "merge-request-close",
                "closed".into(),
                at,
                "was closed",
            ))
        }
        Kind::Reopen => {
            let id = pick(world, random, change, |row| row.state == State::Closed)?;
            world.save(id, at, |row| {
                row.state = State::Opened;
                row.closed_at = None;
            });
            let author = world.merge_requests.get(id).and_then(|row| row.author);
            Ok(told(
                world,
                id,
                author,
                "merge-request-open",
                "reopened".into(),
                at,
                "was reopened",
            ))
        }
        Kind::Comment => {
            let id = pick(world, random, change, is_open)?;
            let author = Some(person(world, random));
            let seed = random.next() as u32;
            let note = world.add_note(|note| Note {
                id: note,
                author,
                body: Text::Comment(seed),
                resolvable: true,
                ..system_notes::blank(id, at)
            });
            world.touch(id, at);
            Ok(Changed {
                notes: vec![note],
                ..about(world, id, "got a comment")
            })
        }
        Kind::Approve => {
            let id = pick(world, random, change, is_open)?;
            let taken = world
                .merge_requests
                .get(id)
                .map(|row| row.approved_by.clone())
                .unwrap_or_default();
            let user = (0..200)
                .map(|_| person(world, random))
                .find(|user| !taken.contains(user))
                .ok_or("everybody has approved it already")?;
            world.save_quietly(id, |row| row.approved_by.push(user));
            Ok(told(
                world,
                id,
                Some(user),
                "approval",
                "approved this merge request".into(),
                at,
                "was approved",
            ))
        }
        Kind::Push => push(world, random, change, at),
        Kind::FinishPipeline => pipeline(world, random, change, at, "SUCCESS", "has a pipeline that succeeded"),
        Kind::FailPipeline => pipeline(world, random, change, at, "FAILED", "has a pipeline that failed"),
        Kind::EditTitle => {
            let id = pick(world, random, change, is_open)?;
            let title = format!("{} — {}", words::title(random), world.changes);
            let (old, author) = world
                .merge_requests
                .get(id)
                .map(|row| (row.title.read().into_owned(), row.author))
                .unwrap_or_default();
            world.save(id, at, |row| row.title = Text::plain(title.clone()));
            let body = system_notes::changed_title(&old, &title);
            Ok(told(world, id, author, "pencil-square", body, at, "got a new title"))
        }
        Kind::ToggleDraft => {
            let id = pick(world, random, change, is_open)?;
            let (draft, author) = world
                .merge_requests
                .get(id)
                .map(|row| (row.draft, row.author))
                .unwrap_or_default();
            world.save(id, at, |row| row.draft = !draft);
            let body = if draft {
                system_notes::READY
            } else {
                system_notes::DRAFT
            };
            Ok(told(
                world,
                id,
                author,
                "pencil-square",
                body.into(),
                at,
                if draft { "is ready" } else { "is a draft again" },
            ))
        }
        Kind::DeleteNote => {
            let comment = |world: &World, row: &MergeRequest| {
                row.notes
                    .iter()
                    .copied()
                    .find(|id| world.notes.get(*id).is_some_and(|note| note.icon.is_none()))
            };
            let id = pick(world, random, change, |row| comment(world, row).is_some())?;
            let note = world
                .merge_requests
                .get(id)
                .and_then(|row| comment(world, row))
                .ok_or("it has no comment")?;
            world.remove_note(note);
            Ok(about(world, id, "lost a comment"))
        }
        Kind::DeleteMergeRequest => {
            let id = pick(world, random, change, |_| true)?;
            let description = format!("{} was deleted", reference(world, id));
            world.remove_merge_request(id);
            Ok(Changed {
                description,
                ..Changed::default()
            })
        }
        Kind::RenameUser => {
            let id = person(world, random);
            let user = world.users.get_mut(id).ok_or("there is no such user")?;
            user.name = format!("{} II", user.name);
            Ok(Changed {
                description: format!("{} is now called {}", user.username, user.name),
                ..Changed::default()
            })
        }
    }
}

/// A change of one merge request.
fn about(world: &World, id: u64, what: &str) -> Changed {
    let description = format!("{} {what}", reference(world, id));
    Changed {
        description,
        merge_request: Some(id),
        merge_requests: vec![id],
        ..Changed::default()
    }
}

/// A change that GitLab writes a system note about, which touches the merge request.
fn told(
    world: &mut World,
    id: u64,
    author: Option<u64>,
    icon: &'static str,
    body: String,
    at: Instant,
    what: &str,
) -> Changed {
    let note = world.add_note(|note| Note {
        id: note,
        author,
        body: Text::plain(body),
        icon: Some(icon),
        ..system_notes::blank(id, at)
    });
    world.touch(id, at);
    Changed {
        notes: vec![note],
        ..about(world, id, what)
    }
}

fn open(world: &mut World, random: &mut Random, change: &Change, at: Instant) -> Result<Changed, String> {
    let homes: Vec<u64> = match &change.project {
        Some(path) => vec![
            world
                .project_by_path(path)
                .ok_or_else(|| format!("there is no project {path}"))?
                .id,
        ],
        None => {
            let used = world
                .projects
                .iter()
                .filter(|project| !project.archived && project.default_branch.is_some());
            used.map(|project| project.id).collect()
        }
    };
    if homes.is_empty() {
        return Err("there is no project to open a merge request in".into());
    }
    let project = *random.pick(&homes);
    let home = world.projects.get(project).ok_or("the project is gone")?;
    let (target, required, next) = (
        home.default_branch.clone().unwrap_or_else(|| "main".into()),
        home.approvals_required,
        home.next_iid,
    );
    let (author, title, branch) = (person(world, random), words::title(random), words::branch(random, next));
    let (head, base) = (sha(random), sha(random));
    let size = Size {
        additions: 1 + random.below(300) as u32,
        deletions: random.below(80) as u32,
        files: 1 + random.below(9) as u32,
    };
    let row = MergeRequest {
        id: 0,
        iid: 0,
        project,
        title: Text::plain(title),
        description: Some(Text::plain("")),
        state: State::Opened,
        draft: false,
        author: Some(author),
        assignees: vec![author],
        reviewers: Vec::new(),
        approved_by: Vec::new(),
        merge_user: None,
        milestone: None,
        labels: Vec::new(),
        source_branch: branch.into(),
        target_branch: target.into(),
        source_project: Some(project),
        sha: Some(head),
        base_sha: base,
        merge_commit_sha: None,
        size,
        commit_count: 1,
        discussions: Discussions::default(),
        upvotes: 0,
        downvotes: 0,
        head_pipeline: None,
        conflicts: false,
        merge_checked: true,
        approvals_required: required,
        squash: false,
        auto_merge: false,
        time_estimate: 0,
        time_spent: 0,
        created_at: at,
        updated_at: at,
        prepared_at: Some(at),
        merged_at: None,
        closed_at: None,
        hidden: false,
        notes: Vec::new(),
        pipelines: Vec::new(),
    };
    let id = world.add_merge_request(|id, iid| MergeRequest { id, iid, ..row }, project);
    Ok(about(world, id, "was opened"))
}

fn push(world: &mut World, random: &mut Random, change: &Change, at: Instant) -> Result<Changed, String> {
    let id = pick(world, random, change, |row| is_open(row) && row.sha.is_some())?;
    let (head, author) = (sha(random), world.merge_requests.get(id).and_then(|row| row.author));
    let lines = 1 + random.below(60) as u32;
    world.save_quietly(id, |row| {
        row.sha = Some(head);
        row.commit_count += 1;
        row.size.additions += lines;
        row.head_pipeline = None;
    });
    Ok(told(
        world,
        id,
        author,
        "commit",
        system_notes::added_commits(1, &head),
        at,
        "got a new commit",
    ))
}

/// A pipeline of the head commit. It moves nothing of the merge request's but what follows from it.
fn pipeline(
    world: &mut World,
    random: &mut Random,
    change: &Change,
    at: Instant,
    status: &'static str,
    what: &str,
) -> Result<Changed, String> {
    let id = pick(world, random, change, |row| is_open(row) && row.sha.is_some())?;
    let row = world.merge_requests.get(id).ok_or("the merge request is gone")?;
    let (project, head, user) = (row.project, row.sha.unwrap_or_default(), row.author);
    // One in three runs for the branch and knows the merge request only by its commit.
    let (git_ref, source) = if random.chance(0.66) {
        (format!("refs/merge-requests/{}/head", row.iid), "merge_request_event")
    } else {
        (row.source_branch.to_string(), "push")
    };
    let made = run_pipeline(random, project, &git_ref, source, head, user, at - HOUR, at);
    let pipeline = world.add_pipeline(project, |id, iid| Pipeline {
        id,
        iid,
        status,
        updated_at: at,
        started_at: Some(at - HOUR / 2),
        finished_at: Some(at),
        duration: Some(1800),
        ..made
    });
    world.save_quietly(id, |row| {
        row.pipelines.push(pipeline);
        row.head_pipeline = Some(pipeline);
    });
    Ok(Changed {
        pipelines: vec![pipeline],
        ..about(world, id, what)
    })
}
