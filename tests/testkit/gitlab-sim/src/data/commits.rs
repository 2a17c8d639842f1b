//! The commits of a merge request, made up from its pushes: a later push adds commits and leaves the older ones alone.

use super::{MergeRequest, Sha, World, words};
use crate::instant::{Instant, MINUTE};
use crate::random::Random;

pub struct Commit {
    pub sha: Sha,
    pub title: String,
    pub author_name: String,
    pub author_email: String,
    pub authored_at: Instant,
    pub committed_at: Instant,
}

/// The commits of a merge request, newest first, as GitLab lists them.
pub fn commits(world: &World, row: &MergeRequest) -> Vec<Commit> {
    let (name, email) = git_person(world, row.author);
    (0..row.commit_count)
        .rev()
        .filter_map(|index| {
            let push = row.heads.iter().find(|head| index < head.commits)?;
            let random = &mut Random::of(row.id, 97, u64::from(index));
            let behind = i64::from(push.commits - 1 - index);
            let sha = if behind == 0 { push.sha } else { sha(random) };
            let committed_at = push.at - (1 + behind * 7) * MINUTE;
            Some(Commit {
                sha,
                title: first_line(&words::title(random)).to_owned(),
                author_name: name.clone(),
                author_email: email.clone(),
                // Some commits were amended or rebased since they were written.
                authored_at: committed_at - random.below(3) as i64 * 20 * MINUTE,
                committed_at: committed_at.max(row.rebased_at.unwrap_or(committed_at)),
            })
        })
        .collect()
}

/// The name and the address that somebody set up in Git once. Another name in GitLab does not change old commits.
pub fn git_person(world: &World, user: Option<u64>) -> (String, String) {
    let Some(user) = user.and_then(|id| world.users.get(id)) else {
        return ("Somebody".to_owned(), "somebody@elsewhere.example".to_owned());
    };
    let name = match user.id % 7 {
        0 => format!("{} 🚀", user.git_name),
        1 => format!("\"{}\" Ünïcode", user.git_name),
        _ => user.git_name.replace('.', " "),
    };
    (name, format!("{}@acme.example", user.git_name))
}

/// What Git takes for a commit's title.
pub fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

fn sha(random: &mut Random) -> Sha {
    let mut sha = [0; 20];
    for chunk in sha.chunks_mut(8) {
        let bytes = random.draw().to_le_bytes();
        chunk.copy_from_slice(&bytes[..chunk.len()]);
    }
    sha
}
