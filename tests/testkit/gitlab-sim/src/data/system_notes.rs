//! The words of GitLab's system notes. Pipelines downstream read them, so they follow GitLab's own to the letter.

use super::{Note, Noteable, Sha, Text, World, hex};
use crate::instant::Instant;

pub const READY: &str = "marked this merge request as **ready**";
pub const DRAFT: &str = "marked this merge request as **draft**";

/// A comment without words, to be filled in.
pub fn blank(on: Noteable, at: Instant) -> Note {
    Note {
        id: 0,
        on,
        author: None,
        body: Text::plain(""),
        icon: None,
        internal: false,
        reply: false,
        resolvable: false,
        resolved_at: None,
        created_at: at,
        updated_at: at,
    }
}

pub fn assigned(world: &World, users: &[u64]) -> String {
    format!("assigned to {}", mentions(world, users))
}

pub fn requested_review(world: &World, users: &[u64]) -> String {
    format!("requested review from {}", mentions(world, users))
}

pub fn reset_approvals(world: &World, users: &[u64]) -> String {
    format!(
        "reset approvals from {} by pushing to the branch",
        mentions(world, users)
    )
}

pub fn unassigned(world: &World, users: &[u64]) -> String {
    format!("unassigned {}", mentions(world, users))
}

pub fn removed_review_request(world: &World, users: &[u64]) -> String {
    format!("removed review request for {}", mentions(world, users))
}

pub fn added_commits(count: u32, head: &Sha) -> String {
    let noun = if count == 1 { "commit" } else { "commits" };
    let short = &hex(head)[..8];
    format!("added {count} {noun}\n\n<ul><li>{short} - Address review</li></ul>\n\n[Compare with previous version]()")
}

pub fn changed_title(old: &str, new: &str) -> String {
    format!("changed title from **{{-{old}-}}** to **{{+{new}+}}**")
}

fn mentions(world: &World, users: &[u64]) -> String {
    let names: Vec<String> = users
        .iter()
        .filter_map(|id| world.users.get(*id))
        .map(|user| format!("@{}", user.username))
        .collect();
    match names.as_slice() {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        names => names.concat(),
    }
}
