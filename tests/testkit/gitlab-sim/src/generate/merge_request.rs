//! One merge request from its opening to where it stands at the anchor.

use super::activity::{Diary, Way};
use super::planning::{labels_for, milestones_for};
use super::timeline::at_work;
use super::{Loose, pipelines};
use crate::data::{Discussions, Head, MergeRequest, Project, Reviewer, Sha, Size, State, Text, World, words};
use crate::instant::{DAY, HOUR, Instant, MINUTE, SECOND};
use crate::random::Random;

/// What is decided before the merge request itself is made up.
pub struct Place {
    pub index: usize,
    pub project: u64,
    pub created_at: Instant,
    pub anchor: Instant,
    pub hidden: bool,
    /// See `Sizes::deployments`.
    pub eventful: bool,
}

pub fn make(world: &World, loose: &mut Loose, random: &mut Random, place: &Place) -> MergeRequest {
    let mut row = opening(world, random, place);
    let mut diary = Diary::open(world, loose, &row, place.anchor);
    diary.review_requests(random, &mut row);
    let pushes = 1 + random.log_normal(1.2, 0.8).min(9.0) as u32;
    let life = (random.log_normal(26.0, 1.3) * HOUR as f64).min(200.0 * DAY as f64) as i64;
    let mut pushed_at = row.created_at;
    for push in 0..pushes {
        if push > 0 {
            pushed_at = at_work(random, pushed_at, life / i64::from(pushes));
            let commits = 1 + random.below(4) as u32;
            if !diary.push(random, &mut row, pushed_at, commits) {
                break;
            }
        }
        pipelines::for_push(world, diary.loose(), random, &row, pushed_at, place.anchor);
    }
    diary.conversation(random, &mut row, life);
    if place.eventful {
        diary.later_requests(random, &mut row, life);
    }
    finish(&mut diary, random, &mut row, life, place);
    row.updated_at = diary.newest().max(row.updated_at);
    let afterthought = row.updated_at + random.below(3 * DAY as u64) as i64;
    if random.chance(0.15) && afterthought < place.anchor {
        // A label or a title was edited: no note tells of it.
        row.updated_at = afterthought;
    }
    row
}

/// A merge request that is opened at `at`, after all others. The caller adds it.
pub fn newly_opened(world: &World, random: &mut Random, project: u64, at: Instant) -> MergeRequest {
    let place = Place {
        index: world.changes as usize,
        project,
        created_at: at,
        anchor: at,
        hidden: false,
        eventful: false,
    };
    opening(world, random, &place)
}

fn opening(world: &World, random: &mut Random, place: &Place) -> MergeRequest {
    let project = world
        .projects
        .get(place.project)
        .expect("picked among existing projects");
    let iid = project.next_iid;
    let author = person(world, random);
    let draft = random.chance(0.12);
    let title = words::title(random);
    let prepared = place.created_at + 3 * SECOND + random.below(15_000_000) as i64;
    let size = size(random);
    let labels = labels(world, random, project);
    let milestones = milestones_for(world, project);
    let milestone = (random.chance(0.35) && !milestones.is_empty()).then(|| *random.pick(&milestones));
    let (head, commits) = (sha(random), 1 + random.log_normal(1.5, 0.9).min(60.0) as u32);
    MergeRequest {
        id: world.merge_requests.next_id(),
        iid,
        project: place.project,
        title: Text::plain(if draft { format!("Draft: {title}") } else { title }),
        description: description(random, place.index),
        state: State::Opened,
        draft,
        author: (!random.chance(0.006)).then_some(author),
        assignees: assignees(world, random, author),
        reviewers: reviewers(world, random, author),
        approved_by: Vec::new(),
        merge_user: None,
        milestone,
        labels,
        source_branch: words::branch(random, iid).into(),
        target_branch: project.default_branch.as_deref().unwrap_or("main").into(),
        source_project: match random.unit() {
            share if share < 0.012 => None,
            share if share < 0.03 => Some(90_000 + random.below(500)),
            _ => Some(place.project),
        },
        sha: Some(head),
        base_sha: sha(random),
        merge_commit_sha: None,
        squash_commit_sha: None,
        rebased_at: None,
        commit_count: commits,
        heads: vec![Head {
            commits,
            sha: head,
            at: place.created_at,
        }],
        size,
        discussions: Discussions::default(),
        upvotes: random.log_normal(0.3, 1.2).min(20.0) as u32,
        downvotes: u32::from(random.chance(0.02)),
        head_pipeline: None,
        conflicts: random.chance(0.07),
        merge_checked: !random.chance(0.05),
        approvals_required: project.approvals_required,
        squash: random.chance(0.4),
        auto_merge: false,
        time_estimate: if random.chance(0.1) {
            3600 * (1 + random.below(16) as u32)
        } else {
            0
        },
        time_spent: if random.chance(0.08) {
            900 * (1 + random.below(40) as u32)
        } else {
            0
        },
        created_at: place.created_at,
        updated_at: prepared.min(place.anchor),
        prepared_at: (prepared <= place.anchor).then_some(prepared),
        merged_at: None,
        closed_at: None,
        state_events: Vec::new(),
        hidden: place.hidden,
        notes: Vec::new(),
        pipelines: Vec::new(),
    }
}

/// Merges, closes, locks or leaves it open; some are closed and reopened on the way.
fn finish(diary: &mut Diary<'_>, random: &mut Random, row: &mut MergeRequest, life: i64, place: &Place) {
    let locked = place.index % 401 == 7;
    let fate = if locked { 1.0 } else { random.unit() };
    let end = at_work(random, diary.newest().max(row.created_at + life), 20 * MINUTE);
    if random.chance(0.03) {
        let closed = at_work(random, row.created_at, life / 2);
        // The default data keep those that were reopened after they had ended, as imports leave them.
        let latest = |at: Instant, before_end| if place.eventful { at.min(end - before_end) } else { at };
        let closed = latest(closed, 15 * MINUTE);
        if diary.close(row, closed) {
            let reopened = at_work(random, closed, 5 * HOUR);
            diary.reopen(row, latest(reopened, 10 * MINUTE));
        }
    }
    if fate < 0.8 {
        if row.draft {
            diary.ready(row, end - 3 * MINUTE);
        }
        diary.approvals(random, row, end);
        let way = place.eventful.then(|| Way::of(row.project));
        if place.eventful && random.chance(0.12) {
            diary.reset(random, row, end - 200 * SECOND);
        }
        if way == Some(Way::SemiLinear) && random.chance(0.5) {
            diary.rebase(random, row, end - 30 * SECOND);
        }
        diary.merge(random, row, end, way);
    } else if fate < 0.92 {
        diary.close(row, end);
    } else {
        diary.approvals(random, row, end);
        row.auto_merge = random.chance(0.05);
        if row.auto_merge {
            row.merge_user = row.author;
        }
        if locked {
            row.state = State::Locked;
        }
    }
}

/// A member, or in one of ten cases a bot, or now and then the ghost of a deleted account.
pub fn person(world: &World, random: &mut Random) -> u64 {
    // Users are 34 people, four bots, the ghost and the token's own; early people do more.
    let first = 11;
    match random.unit() {
        share if share < 0.10 => first + 34 + random.below(4),
        share if share < 0.11 => world.token_user - 1,
        _ => first + (random.unit() * random.unit() * 34.0) as u64,
    }
}

/// A made-up Git object name.
pub fn sha(random: &mut Random) -> Sha {
    let mut sha = [0; 20];
    for chunk in sha.chunks_mut(8) {
        let bytes = random.draw().to_le_bytes();
        chunk.copy_from_slice(&bytes[..chunk.len()]);
    }
    sha
}

fn size(random: &mut Random) -> Size {
    if random.chance(0.004) {
        return Size::default();
    }
    let additions = random.log_normal(45.0, 1.7).min(400_000.0) as u32;
    let deletions = random.log_normal(14.0, 1.8).min(300_000.0) as u32;
    let files = (random.log_normal(3.0, 1.0).min(3000.0) as u32).max(1);
    Size {
        additions,
        deletions,
        files,
    }
}

pub(super) fn description(random: &mut Random, index: usize) -> Option<Text> {
    let seed = random.draw() as u32;
    match random.unit() {
        // Every few hundredth is as large as generated changelogs get.
        _ if index % 701 == 5 => Some(Text::Description {
            seed,
            bytes: 100_000 + seed % 60_000,
        }),
        share if share < 0.05 => None,
        share if share < 0.09 => Some(Text::plain("")),
        _ => {
            let bytes = random.log_normal(350.0, 0.9).min(9000.0) as u32;
            Some(Text::Description { seed, bytes })
        }
    }
}

pub(super) fn labels(world: &World, random: &mut Random, project: &Project) -> Vec<u64> {
    let available = labels_for(world, project);
    // A project that moved to a group without labels may have none.
    let wanted = if available.is_empty() { 0 } else { random.below(5) };
    let mut labels: Vec<u64> = (0..wanted).map(|_| *random.pick(&available)).collect();
    labels.sort_unstable();
    labels.dedup();
    // Of a scoped set (`priority::…`, `team::…`) one label at most.
    let scope = |id: u64| {
        world
            .labels
            .get(id)
            .and_then(|label| label.title.split_once("::").map(|(scope, _)| scope))
    };
    let mut scopes = Vec::new();
    labels.retain(|id| match scope(*id) {
        Some(scope) if scopes.contains(&scope) => false,
        Some(scope) => {
            scopes.push(scope);
            true
        }
        None => true,
    });
    labels
}

fn assignees(world: &World, random: &mut Random, author: u64) -> Vec<u64> {
    match random.unit() {
        share if share < 0.25 => Vec::new(),
        share if share < 0.9 => vec![author],
        _ => {
            let other = person(world, random);
            if other == author {
                vec![author]
            } else {
                vec![author, other]
            }
        }
    }
}

fn reviewers(world: &World, random: &mut Random, author: u64) -> Vec<Reviewer> {
    let wanted = [0, 1, 1, 1, 2, 2, 3][random.below(7) as usize];
    let mut reviewers: Vec<Reviewer> = Vec::new();
    for _ in 0..wanted {
        let user = person(world, random);
        if user != author && !reviewers.iter().any(|reviewer| reviewer.user == user) {
            reviewers.push(Reviewer {
                user,
                state: "UNREVIEWED",
            });
        }
    }
    reviewers
}
