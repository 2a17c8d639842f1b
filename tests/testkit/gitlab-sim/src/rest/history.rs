//! What Git would hold of a project.
//!
//! Every project here squashes: a merge adds one commit to the default branch, dated when it was merged. (A merge that
//! brings its branch's own, older commits along is not simulated.) Git keeps what was written once: neither deleting a
//! merge request nor renaming a person changes a commit.

use crate::data::{self, MergeRequest, Project, State, World, hex};
use crate::generate::sha;
use crate::instant::{Instant, SECOND};
use crate::random::Random;

const ZONES: [i64; 5] = [0, 120, -420, 330, 60];

#[derive(Clone, Debug)]
pub struct Commit {
    pub sha: String,
    pub parents: Vec<String>,
    pub message: String,
    pub author: Person,
    pub authored_at: Instant,
    pub committed_at: Instant,
    pub additions: u32,
    pub deletions: u32,
    /// The account of the author, which Git does not know.
    pub user: Option<u64>,
}

/// A name as its owner set it up in Git.
#[derive(Clone, Debug)]
pub struct Person {
    pub name: String,
    pub email: String,
    pub zone_minutes: i64,
}

impl Commit {
    /// The message's first line.
    pub fn title(&self) -> &str {
        data::first_line(&self.message)
    }

    pub fn short_sha(&self) -> &str {
        &self.sha[..8]
    }
}

/// The default branch from its newest commit to its first; empty without a repository.
pub fn default_branch(world: &World, project: &Project) -> Vec<Commit> {
    if project.default_branch.is_none() {
        return Vec::new();
    }
    let present = project.by_iid.values().filter_map(|id| world.merge_requests.get(*id));
    let gone = world.removed.iter().filter(|row| row.project == project.id);
    let mut landed: Vec<(Instant, &MergeRequest)> = present
        .chain(gone)
        .filter(|row| row.state == State::Merged)
        .filter_map(|row| Some((row.merged_at?, row)))
        .collect();
    landed.sort_unstable_by_key(|(at, row)| (*at, row.id));
    let mut commits = vec![first(world, project)];
    for (at, row) in landed {
        let parent = commits[commits.len() - 1].sha.clone();
        commits.push(squashed(world, row, at, parent));
    }
    commits.reverse();
    commits
}

/// A merge request's own commits, the newest first.
pub fn of_merge_request(world: &World, row: &MergeRequest) -> Vec<Commit> {
    let commits = data::commits(world, row);
    let parents = commits.iter().skip(1).map(|older| hex(&older.sha));
    let parents = parents.chain([hex(&row.base_sha)]);
    let author = person(world, row.author);
    let count = row.commit_count.max(1);
    let one = |(commit, parent): (&data::Commit, String)| Commit {
        sha: hex(&commit.sha),
        parents: vec![parent],
        message: match commit.sha[0] % 3 {
            0 => format!("{}\n\nAs discussed.\n", commit.title),
            _ => commit.title.clone(),
        },
        author: Person {
            name: commit.author_name.clone(),
            email: commit.author_email.clone(),
            zone_minutes: author.zone_minutes,
        },
        authored_at: whole(commit.authored_at),
        committed_at: whole(commit.committed_at),
        additions: row.size.additions / count,
        deletions: row.size.deletions / count,
        user: row.author,
    };
    commits.iter().zip(parents).map(one).collect()
}

/// The head of a merge request's branch.
pub fn head(world: &World, row: &MergeRequest) -> Option<Commit> {
    of_merge_request(world, row).into_iter().next()
}

/// Merge requests whose branch is in the project's own repository: those that are not over yet.
pub fn with_branch<'a>(world: &'a World, project: &'a Project) -> impl Iterator<Item = &'a MergeRequest> {
    let rows = project.by_iid.values().filter_map(|id| world.merge_requests.get(*id));
    rows.filter(|row| {
        matches!(row.state, State::Opened | State::Locked)
            && row.source_project == Some(project.id)
            && row.sha.is_some()
    })
}

fn first(world: &World, project: &Project) -> Commit {
    let sha = sha(&mut Random::of(project.id, 41, 0));
    Commit {
        sha: hex(&sha),
        parents: Vec::new(),
        message: "Initial commit".to_owned(),
        author: person(world, world.users.iter().next().map(|user| user.id)),
        authored_at: whole(project.created_at),
        committed_at: whole(project.created_at),
        additions: 92,
        deletions: 0,
        user: None,
    }
}

fn squashed(world: &World, row: &MergeRequest, at: Instant, parent: String) -> Commit {
    let sha = row.landed_sha().unwrap_or(row.base_sha);
    Commit {
        sha: hex(&sha),
        parents: vec![parent],
        message: format!("{}\n\nSee merge request !{}", row.title.read(), row.iid),
        author: person(world, row.author),
        authored_at: whole(at),
        committed_at: whole(at),
        additions: row.size.additions,
        deletions: row.size.deletions,
        user: row.author,
    }
}

fn person(world: &World, user: Option<u64>) -> Person {
    let (name, email) = data::git_person(world, user);
    Person {
        name,
        email,
        zone_minutes: ZONES[(user.unwrap_or_default() % 5) as usize],
    }
}

/// Git has no fractions of a second.
fn whole(at: Instant) -> Instant {
    at.div_euclid(SECOND) * SECOND
}
