//! What Git would hold of a project.
//!
//! Every project here squashes: a merge adds one commit to the default branch, dated when it was merged. (A merge that
//! brings its branch's own, older commits along is not simulated.) Git keeps what was written once: neither deleting a
//! merge request nor renaming a person changes a commit.

use crate::data::{MergeRequest, Project, Sha, State, User, World, hex, words};
use crate::generate::sha;
use crate::instant::{HOUR, Instant, MINUTE, SECOND};
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
        self.message.lines().next().unwrap_or_default()
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

/// A merge request's own commits from the first to its head.
pub fn of_merge_request(world: &World, row: &MergeRequest) -> Vec<Commit> {
    let Some(head) = row.sha else { return Vec::new() };
    let count = row.commit_count.max(1);
    let mut parent = hex(&row.base_sha);
    (0..count)
        .map(|index| {
            let is_head = index + 1 == count;
            let commit = pushed(world, row, index, is_head.then_some(head), parent.clone());
            parent.clone_from(&commit.sha);
            commit
        })
        .collect()
}

/// The head of a merge request's branch.
pub fn head(world: &World, row: &MergeRequest) -> Option<Commit> {
    let head = row.sha?;
    let last = row.commit_count.max(1) - 1;
    let parent = match last {
        0 => hex(&row.base_sha),
        last => hex(&made_up(row, last - 1)),
    };
    Some(pushed(world, row, last, Some(head), parent))
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
    let sha = row.merge_commit_sha.or(row.sha).unwrap_or_else(|| made_up(row, 0));
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

fn pushed(world: &World, row: &MergeRequest, index: u32, sha: Option<Sha>, parent: String) -> Commit {
    let random = &mut Random::of(row.id, 42, u64::from(index));
    let authored_at = whole(row.created_at - 3 * HOUR) + i64::from(index) * 4 * MINUTE;
    let count = row.commit_count.max(1);
    let message = match random.below(3) {
        0 => format!("{}\n\nAs discussed.\n", words::title(random)),
        _ => words::title(random),
    };
    Commit {
        sha: hex(&sha.unwrap_or_else(|| made_up(row, index))),
        parents: vec![parent],
        message,
        author: person(world, row.author),
        authored_at,
        // Amended a little later.
        committed_at: authored_at + random.below(180) as i64 * SECOND,
        additions: row.size.additions / count,
        deletions: row.size.deletions / count,
        user: row.author,
    }
}

fn made_up(row: &MergeRequest, index: u32) -> Sha {
    sha(&mut Random::of(row.id, 43, u64::from(index)))
}

fn person(world: &World, user: Option<u64>) -> Person {
    let user: Option<&User> = user.and_then(|id| world.users.get(id));
    let Some(user) = user else {
        return Person {
            name: "Somebody Else".to_owned(),
            email: "somebody@elsewhere.example".to_owned(),
            zone_minutes: 0,
        };
    };
    let name = match user.id % 7 {
        0 => format!("{} 🚀", user.username),
        1 => format!("\"{}\" Ünïcode", user.username),
        _ => user.username.replace('.', " "),
    };
    Person {
        name,
        email: format!("{}@acme.example", user.username),
        zone_minutes: ZONES[(user.id % 5) as usize],
    }
}

/// Git has no fractions of a second.
fn whole(at: Instant) -> Instant {
    at.div_euclid(SECOND) * SECOND
}
