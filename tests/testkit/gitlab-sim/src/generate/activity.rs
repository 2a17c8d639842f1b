//! What happens to a merge request, and the notes that tell of it.

use super::Loose;
use super::merge_request::{person, sha};
use super::timeline::at_work;
use crate::data::{Head, MergeRequest, Note, Noteable, Reviewer, State, StateEvent, Text, World, system_notes};
use crate::instant::{HOUR, Instant, MINUTE, SECOND};
use crate::random::Random;

/// Writes a merge request's notes as its life goes on. Nothing is written after the anchor: those methods that
/// return a bool say whether it still happened.
pub struct Diary<'a> {
    world: &'a World,
    loose: &'a mut Loose,
    merge_request: u64,
    author: Option<u64>,
    anchor: Instant,
    newest: Instant,
}

/// How a project's merge requests come into their target branch, a setting of GitLab's projects. Each may squash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    MergeCommit,
    /// A merge commit, after a rebase if one is needed.
    SemiLinear,
    /// No merge commit, after a rebase if one is needed.
    FastForward,
}

impl Way {
    pub fn of(project: u64) -> Self {
        [Self::MergeCommit, Self::SemiLinear, Self::FastForward][project as usize % 3]
    }
}

impl<'a> Diary<'a> {
    pub fn open(world: &'a World, loose: &'a mut Loose, row: &MergeRequest, anchor: Instant) -> Self {
        Self {
            world,
            loose,
            merge_request: row.id,
            author: row.author,
            anchor,
            newest: row.updated_at,
        }
    }

    pub fn loose(&mut self) -> &mut Loose {
        self.loose
    }

    /// The instant of the last note or change of state so far.
    pub fn newest(&self) -> Instant {
        self.newest
    }

    pub fn review_requests(&mut self, random: &mut Random, row: &mut MergeRequest) {
        let at = row.created_at + SECOND * (20 + random.below(200) as i64);
        if !row.assignees.is_empty() && random.chance(0.5) {
            let body = system_notes::assigned(self.world, &row.assignees);
            self.system(self.author, "user", body, row.created_at + 2 * SECOND);
        }
        let asked: Vec<u64> = row.reviewers.iter().map(|reviewer| reviewer.user).collect();
        if !asked.is_empty() {
            let body = system_notes::requested_review(self.world, &asked);
            self.system(self.author, "user", body, at);
        }
        if random.chance(0.05) {
            let body = "changed title from **{-WIP: old name-}** to **{+new name+}**".to_owned();
            self.system(self.author, "pencil-square", body, at + 5 * MINUTE);
        }
    }

    pub fn push(&mut self, random: &mut Random, row: &mut MergeRequest, at: Instant, commits: u32) -> bool {
        let head = sha(random);
        let happened = self.system(self.author, "commit", system_notes::added_commits(commits, &head), at);
        if happened {
            row.sha = Some(head);
            row.commit_count += commits;
            row.heads.push(Head {
                commits: row.commit_count,
                sha: head,
                at,
            });
        }
        happened
    }

    /// Reviews that are asked for later than at the opening, and once more.
    pub fn later_requests(&mut self, random: &mut Random, row: &mut MergeRequest, life: i64) {
        let later = person(self.world, random);
        let is_new = Some(later) != row.author && row.reviewers.iter().all(|reviewer| reviewer.user != later);
        let delay = random.below(life.max(HOUR) as u64) as i64;
        let at = at_work(random, row.created_at, delay);
        let body = system_notes::requested_review(self.world, &[later]);
        if random.chance(0.15) && is_new && self.system(self.author, "user", body, at) {
            row.reviewers.push(Reviewer {
                user: later,
                state: "UNREVIEWED",
            });
        }
        let Some(first) = row.reviewers.first().map(|reviewer| reviewer.user) else {
            return;
        };
        if random.chance(0.12) {
            let body = system_notes::requested_review(self.world, &[first]);
            self.system(self.author, "user", body, at_work(random, row.created_at, life * 2 / 3));
        }
    }

    /// A push takes all approvals back; one approver in two looks again.
    pub fn reset(&mut self, random: &mut Random, row: &mut MergeRequest, at: Instant) {
        let taken = std::mem::take(&mut row.approved_by);
        if taken.is_empty() || !self.push(random, row, at, 1) {
            row.approved_by = taken;
            return;
        }
        let body = system_notes::reset_approvals(self.world, &taken);
        self.system(self.author, "approval", body, at + SECOND);
        for user in taken {
            let again = random.chance(0.5)
                && self.system(
                    Some(user),
                    "approval",
                    "approved this merge request".to_owned(),
                    at + MINUTE,
                );
            if again {
                row.approved_by.push(user);
            } else if let Some(reviewer) = row.reviewers.iter_mut().find(|reviewer| reviewer.user == user) {
                reviewer.state = "UNREVIEWED";
            }
        }
    }

    /// All commits are written anew on top of the target branch; who wrote them when stays.
    pub fn rebase(&mut self, random: &mut Random, row: &mut MergeRequest, at: Instant) {
        let head = sha(random);
        if self.system(
            self.author,
            "commit",
            system_notes::added_commits(row.commit_count, &head),
            at,
        ) {
            row.sha = Some(head);
            row.rebased_at = Some(at);
            if let Some(last) = row.heads.last_mut() {
                last.sha = head;
            }
        }
    }

    /// Comments over the life of the merge request: about six on average, far more on a few.
    pub fn conversation(&mut self, random: &mut Random, row: &mut MergeRequest, life: i64) {
        let count = random.log_normal(3.0, 1.15).min(180.0) as i64;
        for _ in 0..count {
            let delay = random.below(life.max(HOUR) as u64) as i64;
            let at = at_work(random, row.created_at + MINUTE, delay);
            if at > self.anchor {
                continue;
            }
            let writer = match random.unit() {
                share if share < 0.006 => None,
                share if share < 0.45 => row.author,
                share if share < 0.85 && !row.reviewers.is_empty() => Some(random.pick(&row.reviewers).user),
                _ => Some(person(self.world, random)),
            };
            if let Some(reviewer) = row.reviewers.iter_mut().find(|reviewer| Some(reviewer.user) == writer) {
                reviewer.state = if random.chance(0.05) {
                    "REQUESTED_CHANGES"
                } else {
                    "REVIEWED"
                };
            }
            let edited = random.chance(0.06);
            let resolvable = random.chance(0.45);
            let resolved = resolvable && random.chance(0.8);
            self.note(Note {
                author: writer,
                body: Text::Comment(random.draw() as u32),
                internal: random.chance(0.01),
                reply: random.chance(0.35),
                resolvable,
                resolved_at: resolved.then_some((at + HOUR).min(self.anchor)),
                updated_at: if edited || resolved {
                    (at + HOUR).min(self.anchor)
                } else {
                    at
                },
                ..system_notes::blank(Noteable::MergeRequest(row.id), at)
            });
        }
    }

    /// Approvals before `end`, by the reviewers and, where a rule asks for more, by others.
    pub fn approvals(&mut self, random: &mut Random, row: &mut MergeRequest, end: Instant) {
        let open = row.reviewers.iter().map(|reviewer| reviewer.user).collect::<Vec<_>>();
        let mut approvers: Vec<u64> = open.into_iter().filter(|_| random.chance(0.75)).collect();
        while (approvers.len() as u32) < row.approvals_required && random.chance(0.85) {
            let other = person(self.world, random);
            if Some(other) != row.author && !approvers.contains(&other) {
                approvers.push(other);
            }
        }
        for user in approvers {
            let at = end - MINUTE * (5 + random.below(90) as i64);
            let at = at.max(row.created_at + 10 * MINUTE);
            if !self.system(Some(user), "approval", "approved this merge request".to_owned(), at) {
                continue;
            }
            let withdrawn = random.chance(0.03)
                && self.system(
                    Some(user),
                    "unapproval",
                    "unapproved this merge request".to_owned(),
                    at + MINUTE,
                );
            if !withdrawn {
                row.approved_by.push(user);
            }
            if let Some(reviewer) = row.reviewers.iter_mut().find(|reviewer| reviewer.user == user) {
                reviewer.state = if withdrawn { "UNAPPROVED" } else { "APPROVED" };
            }
        }
    }

    pub fn ready(&mut self, row: &mut MergeRequest, at: Instant) {
        if self.system(self.author, "pencil-square", system_notes::READY.to_owned(), at) {
            row.draft = false;
            let title = row.title.read().trim_start_matches("Draft: ").to_owned();
            row.title = Text::plain(title);
        }
    }

    /// In this way, or mostly by a merge commit.
    pub fn merge(&mut self, random: &mut Random, row: &mut MergeRequest, at: Instant, way: Option<Way>) {
        let merger = if random.chance(0.6) {
            row.author
        } else {
            row.approved_by.first().copied().or(row.author)
        };
        if !self.turn(row, "merged", merger, at) {
            return;
        }
        row.state = State::Merged;
        row.conflicts = false;
        row.closed_at = None;
        row.merged_at = Some(at);
        row.merge_user = merger;
        let commit = sha(random);
        let has_commit = match way {
            Some(way) => way != Way::FastForward,
            None => !random.chance(0.1),
        };
        row.merge_commit_sha = has_commit.then_some(commit);
        row.squash_commit_sha = row.squash.then(|| match row.merge_commit_sha {
            Some(_) => sha(&mut Random::of(row.id, 43, 0)),
            None => commit,
        });
        let landed = way.and_then(|_| row.landed_sha()).unwrap_or(commit);
        super::pipelines::on_default_branch(self.loose, random, row, &landed, at, self.anchor);
    }

    pub fn close(&mut self, row: &mut MergeRequest, at: Instant) -> bool {
        let happened = self.turn(row, "closed", self.author, at);
        if happened {
            row.state = State::Closed;
            row.closed_at = Some(at);
        }
        happened
    }

    pub fn reopen(&mut self, row: &mut MergeRequest, at: Instant) {
        if self.turn(row, "reopened", self.author, at) {
            row.state = State::Opened;
            row.closed_at = None;
        }
    }

    fn turn(&mut self, row: &mut MergeRequest, state: &'static str, user: Option<u64>, at: Instant) -> bool {
        if at > self.anchor {
            return false;
        }
        self.newest = self.newest.max(at);
        row.state_events.push(StateEvent { state, user, at });
        true
    }

    fn system(&mut self, author: Option<u64>, icon: &'static str, body: String, at: Instant) -> bool {
        if at > self.anchor {
            return false;
        }
        let note = system_notes::blank(Noteable::MergeRequest(self.merge_request), at);
        self.note(Note {
            author,
            icon: Some(icon),
            body: Text::plain(body),
            ..note
        });
        true
    }

    fn note(&mut self, note: Note) {
        self.newest = self.newest.max(note.updated_at);
        self.loose.notes.push(note);
    }
}
