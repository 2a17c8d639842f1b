//! A history of deliveries whose truth is known: code goes to production release by release, some of them bring incidents or
//! are rolled back, and what happened is written down while it is made up.
//!
//! Nothing here asks which release a merge request came with or why an incident began: the plan comes first, and the rows follow
//! from it. So the truth owes nothing to the rules by which a client finds it out again. What GitLab does not tell stays knowable:
//! an incident begins before the next release, and within a day of its cause.

use std::collections::BTreeMap;

use super::{Loose, Owner, Sizes, pipelines};
use crate::data::{Deployment, Issue, LeadTime, MergeRequest, Sha, Text, World, commits};
use crate::instant::{DAY, HOUR, Instant, MINUTE, SECOND};
use crate::random::Random;

/// Of so many releases one is a rollback, and of so many one has an incident.
const RELEASES_PER_ROLLBACK: u32 = 60;
const RELEASES_PER_INCIDENT: u32 = 15;
const PRODUCTION: usize = 0;
const STAGING: usize = 1;

/// A merge into the default branch.
struct Merge {
    id: u64,
    at: Instant,
    first_commit_at: Instant,
    sha: Sha,
    /// Whether GitLab can link it with a deployment.
    has_commit: bool,
}

/// A forward release: it brings the merges up to `until`.
struct Release {
    until: usize,
    sha: Sha,
    created_at: Instant,
    finished_at: Instant,
}

/// How many of what a project gets.
struct Share {
    releases: usize,
    rollbacks: usize,
    incidents: usize,
}

pub fn add(world: &mut World, loose: &mut Loose, sizes: &Sizes) {
    for issue in world.issues.iter_mut().filter(|issue| issue.kind == "INCIDENT") {
        issue.kind = "ISSUE";
    }
    // The busiest last: it has room for what the others had none for.
    let mut merges: Vec<(u64, Vec<Merge>)> = merges(world).into_iter().collect();
    merges.sort_by_key(|(project, merges)| (merges.len(), *project));
    let mut merges_left = merges.iter().map(|(_, merges)| merges.len()).sum::<usize>();
    let mut left = Share {
        releases: sizes.deployments as usize,
        rollbacks: (sizes.deployments / RELEASES_PER_ROLLBACK) as usize,
        incidents: (sizes.deployments / RELEASES_PER_INCIDENT) as usize,
    };
    for (project, merges) in merges {
        let part = |whole: usize| whole * merges.len() / merges_left;
        let share = Share {
            releases: part(left.releases),
            rollbacks: part(left.rollbacks),
            incidents: part(left.incidents),
        };
        merges_left -= merges.len();
        let random = Random::of(sizes.seed, 12, project);
        let mut plan = Plan {
            world,
            loose,
            random,
            project,
            merges: &merges,
            anchor: sizes.anchor,
        };
        let made = plan.live(&share);
        left.releases -= made.releases;
        left.rollbacks -= made.rollbacks;
        left.incidents -= made.incidents;
    }
}

fn merges(world: &World) -> BTreeMap<u64, Vec<Merge>> {
    let mut found: BTreeMap<u64, Vec<Merge>> = BTreeMap::new();
    let lands = |row: &&MergeRequest| {
        !row.hidden
            && world.project_of(row).has_builds()
            && world.project_of(row).default_branch.as_deref() == Some(&*row.target_branch)
    };
    for row in world.merge_requests.iter().filter(lands) {
        let first = commits(world, row).iter().map(|commit| commit.authored_at).min();
        if let (Some(at), Some(sha), Some(first)) = (row.merged_at, row.landed_sha(), first) {
            found.entry(row.project).or_default().push(Merge {
                id: row.id,
                at: whole(at),
                first_commit_at: whole(first),
                sha,
                has_commit: row.merge_commit_sha.is_some(),
            });
        }
    }
    for merges in found.values_mut() {
        merges.sort_by_key(|merge| (merge.at, merge.id));
    }
    found
}

struct Plan<'a> {
    world: &'a mut World,
    loose: &'a mut Loose,
    random: Random,
    project: u64,
    merges: &'a [Merge],
    anchor: Instant,
}

impl Plan<'_> {
    /// As much of the share as there is room for.
    fn live(&mut self, share: &Share) -> Share {
        let releases = self.releases(share.releases.saturating_sub(share.rollbacks));
        let rolled_back = self.rolled_back(&releases, share.rollbacks);
        let mut failed = vec![false; releases.len()];
        for index in 0..releases.len() {
            self.forward(&releases, index);
            if let Some(back) = rolled_back.get(&index) {
                failed[index] = true;
                self.deploy(PRODUCTION, "success", releases[index - 1].sha, *back, Vec::new());
                let day = self.day(back.1);
                day.releases += 1;
                day.rollbacks += 1;
            }
        }
        let incidents = self.incidents(&releases, &rolled_back, share.incidents, &mut failed);
        for (release, _) in releases.iter().zip(failed).filter(|(_, failed)| *failed) {
            self.day(release.finished_at).failed_releases += 1;
        }
        Share {
            releases: releases.len() + rolled_back.len(),
            rollbacks: rolled_back.len(),
            incidents,
        }
    }

    /// When what goes to production. One release comes after the other, each with at least one merge.
    fn releases(&mut self, wanted: usize) -> Vec<Release> {
        let merges = self.merges;
        // GraphQL tells times in whole seconds: a release ends with the last of those that were merged in one.
        let mut cuts: Vec<usize> = (0..merges.len())
            .filter(|index| merges.get(index + 1).is_none_or(|next| next.at > merges[*index].at))
            .collect();
        while cuts.len() > wanted {
            let gone = self.random.below(cuts.len() as u64) as usize;
            cuts.remove(gone);
        }
        let mut found: Vec<Release> = Vec::new();
        for until in cuts {
            let free = found.last().map_or(0, |release| release.finished_at + 2 * MINUTE);
            // Some wait, and are overtaken by later merges: then only the commit tells what they bring.
            let longest = if self.random.chance(0.3) {
                40 * HOUR
            } else {
                20 * MINUTE
            };
            let created_at = (merges[until].at + self.seconds(MINUTE, longest)).max(free);
            let finished_at = created_at + self.seconds(2 * MINUTE, 15 * MINUTE);
            if finished_at > self.anchor - HOUR {
                break;
            }
            // Now and then somebody pushes to the default branch, and that commit is deployed.
            let is_quiet = merges.get(until + 1).is_none_or(|next| next.at > created_at + SECOND);
            let is_pushed = !found.is_empty() && is_quiet && self.random.chance(0.03);
            let sha = match is_pushed {
                true => super::sha(&mut self.random),
                false => merges[until].sha,
            };
            found.push(Release {
                until,
                sha,
                created_at,
                finished_at,
            });
        }
        found
    }

    /// Releases that are taken back, and from when to when.
    fn rolled_back(&mut self, releases: &[Release], wanted: usize) -> BTreeMap<usize, (Instant, Instant)> {
        let mut fitting: Vec<usize> = (1..releases.len())
            .filter(|index| self.left(releases, *index) > HOUR)
            .collect();
        let mut found = BTreeMap::new();
        while found.len() < wanted && !fitting.is_empty() {
            let index = fitting.swap_remove(self.random.below(fitting.len() as u64) as usize);
            let created_at = releases[index].finished_at + self.seconds(10 * MINUTE, 30 * MINUTE);
            found.insert(index, (created_at, created_at + self.seconds(MINUTE, 5 * MINUTE)));
        }
        found
    }

    /// From a release's end to when the next one begins.
    fn left(&self, releases: &[Release], index: usize) -> Instant {
        let next = releases.get(index + 1).map_or(self.anchor, |next| next.created_at);
        next - releases[index].finished_at
    }

    /// One release, with what comes before it: staging, and attempts that fail.
    fn forward(&mut self, releases: &[Release], index: usize) {
        let Release {
            until,
            sha,
            created_at,
            finished_at,
        } = releases[index];
        let first = match index {
            0 => 0,
            _ => releases[index - 1].until + 1,
        };
        let brought = &self.merges[first..=until];
        if self.random.chance(0.3) {
            let on_staging = (created_at - 50 * SECOND, created_at - 5 * SECOND);
            self.deploy(STAGING, "success", sha, on_staging, Vec::new());
        }
        if self.random.chance(0.08) {
            let status = if self.random.chance(0.2) { "canceled" } else { "failed" };
            self.deploy(
                PRODUCTION,
                status,
                sha,
                (created_at - 30 * SECOND, created_at - 10 * SECOND),
                Vec::new(),
            );
        }
        // Of an environment's first deployment GitLab does not know what was there before: it links all that is merged.
        let linked = match index {
            0 => self
                .merges
                .iter()
                .take_while(|merge| merge.at <= finished_at)
                .collect::<Vec<_>>(),
            _ => brought.iter().collect(),
        };
        let linked = linked
            .iter()
            .filter(|merge| merge.has_commit)
            .map(|merge| merge.id)
            .collect();
        self.deploy(PRODUCTION, "success", sha, (created_at, finished_at), linked);
        let deployment = self.loose.deployments.len() as u64 - 1;
        let changes: Vec<LeadTime> = brought
            .iter()
            .map(|merge| LeadTime {
                merge_request: merge.id,
                deployment,
                seconds_from_first_commit: (finished_at - merge.first_commit_at) / SECOND,
                seconds_from_merge: (finished_at - merge.at) / SECOND,
            })
            .collect();
        let day = self.day(finished_at);
        day.releases += 1;
        day.changes.extend(changes);
    }

    fn deploy(
        &mut self,
        environment: usize,
        status: &'static str,
        sha: Sha,
        (from, to): (Instant, Instant),
        linked: Vec<u64>,
    ) {
        let index = self.loose.deployments.len();
        let project = self.world.projects.get(self.project).expect("a project with merges");
        let branch = project.default_branch.clone().unwrap_or_default();
        let made = pipelines::run(
            &mut self.random,
            self.project,
            &branch,
            "push",
            sha,
            None,
            from,
            self.anchor,
        );
        let pipeline = crate::data::Pipeline {
            status: match status {
                "success" => "SUCCESS",
                "failed" => "FAILED",
                _ => "CANCELED",
            },
            started_at: Some(from),
            finished_at: Some(to),
            updated_at: to,
            duration: Some(((to - from) / SECOND) as u32),
            queued_duration: Some(1.0),
            ..made
        };
        self.loose.pipelines.push((pipeline, Owner::Deployment(index)));
        self.loose.deployments.push(Deployment {
            id: 0,
            iid: 0,
            project: self.project,
            environment,
            status,
            sha,
            user: None,
            pipeline: 0,
            created_at: from,
            updated_at: to + SECOND,
            merge_requests: linked,
        });
    }

    /// Each after a release and before the next one, but for some that no release explains.
    fn incidents(
        &mut self,
        releases: &[Release],
        rolled_back: &BTreeMap<usize, (Instant, Instant)>,
        wanted: usize,
        failed: &mut [bool],
    ) -> usize {
        let fitting: Vec<usize> = (0..releases.len())
            .filter(|index| self.left(releases, *index) > HOUR)
            .collect();
        let wanted = if fitting.is_empty() { 0 } else { wanted };
        for _ in 0..wanted {
            if self.random.chance(0.04) {
                let at = releases[0].finished_at - self.seconds(DAY, 5 * DAY);
                self.incident(at);
                continue;
            }
            let index = *self.random.pick(&fitting);
            let end = match rolled_back.get(&index) {
                // What goes wrong afterwards is the rollback's.
                Some((_, back)) => back - releases[index].finished_at,
                None => self.left(releases, index),
            };
            let at = releases[index].finished_at + self.seconds(2 * MINUTE, (end - MINUTE).min(20 * HOUR));
            failed[index] = true;
            self.incident(at);
        }
        wanted
    }

    fn incident(&mut self, at: Instant) {
        let made = super::newly_opened_issue(self.world, &mut self.random, self.project, at);
        let hours = self.random.log_normal(3.0, 1.0).min(400.0);
        let end = whole(at + (hours * HOUR as f64) as i64);
        let is_over = end <= self.anchor && !self.random.chance(0.1);
        let row = Issue {
            kind: "INCIDENT",
            title: Text::plain(format!("Incident: {}", made.title.read())),
            closed: is_over,
            closed_at: is_over.then_some(end),
            updated_at: if is_over { end } else { at },
            ..made
        };
        self.world.add_issue(self.project, |id, iid| Issue { id, iid, ..row });
        self.day(at).incidents += 1;
        if is_over {
            self.day(end).restored_seconds.push((end - at) / SECOND);
        }
    }

    fn day(&mut self, at: Instant) -> &mut crate::data::Day {
        self.world
            .delivery
            .days
            .entry((self.project, at.div_euclid(DAY)))
            .or_default()
    }

    /// Whole seconds between these.
    fn seconds(&mut self, least: i64, most: i64) -> Instant {
        let range = ((most - least) / SECOND).max(1) as u64;
        least + self.random.below(range) as i64 * SECOND
    }
}

fn whole(at: Instant) -> Instant {
    at.div_euclid(SECOND) * SECOND
}
