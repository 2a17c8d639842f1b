//! Making up a whole GitLab from a seed: the same sizes, seed and anchor give the same rows, byte for byte.

mod activity;
mod bulk;
mod delivery;
mod issue;
mod merge_request;
mod people;
mod pipelines;
mod planning;
mod projects;
mod timeline;

pub use issue::newly_opened as newly_opened_issue;
pub use merge_request::{newly_opened, sha};
pub use planning::{labels_for, milestones_for};
pub use projects::blank as blank_project;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::data::{Deployment, MergeRequest, Note, Pipeline, World};
use crate::instant::{DAY, Instant};
use crate::random::Random;

/// What to make up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sizes {
    pub seed: u64,
    pub projects: u32,
    /// Merge requests that the token may see; hidden ones come on top.
    pub merge_requests: u32,
    pub months: u32,
    /// Share of hidden merge requests, per cent of the visible ones.
    pub hidden_percent: f64,
    /// Length of one run of hidden merge requests that follow each other in the order of updates.
    pub hidden_run: u32,
    pub enterprise: bool,
    /// Deployments to production, of a history whose truth `World::delivery` keeps; 0: jobs named `deploy` are all there is. With
    /// it merge requests live through more: approvals that a push takes back, requests for a review later and again, and all of
    /// GitLab's ways to merge.
    #[serde(default)]
    pub deployments: u32,
    /// Nothing in the data is newer than this.
    #[serde(with = "rfc3339")]
    pub anchor: Instant,
}

/// Rows that get their ids, and so their order, only when all of them are known.
#[derive(Default)]
struct Loose {
    notes: Vec<Note>,
    pipelines: Vec<(Pipeline, Owner)>,
    deployments: Vec<Deployment>,
}

/// What a pipeline ran for.
enum Owner {
    Branch,
    MergeRequest(u64),
    /// By its place in `Loose`.
    Deployment(usize),
}

/// Makes up the whole of it.
pub fn world(sizes: &Sizes) -> World {
    let mut world = World::empty();
    world.enterprise = sizes.enterprise;
    let start = sizes.anchor - i64::from(sizes.months.max(1)) * 365 * DAY / 12;
    people::add(&mut world, sizes, start);
    let homes = projects::add(&mut world, sizes, start);
    planning::add_labels(&mut world, start);
    planning::add_milestones(&mut world, start, sizes.anchor);

    let mut loose = Loose::default();
    let hidden = (f64::from(sizes.merge_requests) * sizes.hidden_percent / 100.0).round() as u32 + sizes.hidden_run;
    let total = sizes.merge_requests + hidden;
    let hidden_ones = timeline::sample(sizes.seed, total, hidden - sizes.hidden_run);
    for (index, created_at) in timeline::working_hours(sizes.seed, total - sizes.hidden_run, start, sizes.anchor)
        .into_iter()
        .enumerate()
    {
        let random = &mut Random::of(sizes.seed, 1, index as u64);
        let project = homes.pick(random);
        let place = merge_request::Place {
            index,
            project,
            created_at,
            anchor: sizes.anchor,
            hidden: hidden_ones.contains(&(index as u32)),
            eventful: sizes.deployments > 0,
        };
        let row = merge_request::make(&world, &mut loose, random, &place);
        add(&mut world, row);
    }
    bulk::hidden_run(&mut world, &mut loose, sizes);
    bulk::edits(&mut world, sizes);
    issue::add(&mut world, &mut loose, sizes, &homes, start);
    pipelines::scheduled(&world, &mut loose, start, sizes.anchor);
    if sizes.deployments > 0 {
        delivery::add(&mut world, &mut loose, sizes);
    }
    attach(&mut world, loose);
    world.newest = world.newest.max(sizes.anchor);
    world
}

fn add(world: &mut World, row: MergeRequest) {
    let project = row.project;
    world.record_activity(project, row.created_at);
    world.add_merge_request(|_, _| row, project);
}

fn attach(world: &mut World, mut loose: Loose) {
    loose.notes.sort_by_key(|note| note.created_at);
    world.attach_notes(loose.notes.into_iter());
    loose.pipelines.sort_by_key(|(pipeline, _)| pipeline.created_at);
    let mut deployed = BTreeMap::new();
    for (pipeline, owner) in loose.pipelines {
        let (project, sha) = (pipeline.project, pipeline.sha);
        let id = world.add_pipeline(project, |id, iid| Pipeline { id, iid, ..pipeline });
        match owner {
            Owner::Branch => {}
            Owner::Deployment(place) => _ = deployed.insert(place, id),
            Owner::MergeRequest(merge_request) => world.save_quietly(merge_request, |row| {
                row.pipelines.push(id);
                if row.sha == Some(sha) {
                    row.head_pipeline = Some(id);
                }
            }),
        }
    }
    attach_deployments(world, loose.deployments, &deployed);
}

/// Gives deployments their ids in the order of their beginnings, and the truth about them those ids.
fn attach_deployments(world: &mut World, rows: Vec<Deployment>, pipelines: &BTreeMap<usize, u64>) {
    let mut rows: Vec<(usize, Deployment)> = rows.into_iter().enumerate().collect();
    rows.sort_by_key(|(place, row)| (row.created_at, *place));
    let (mut iids, mut ids): (BTreeMap<u64, u64>, BTreeMap<u64, u64>) = Default::default();
    for (place, row) in rows {
        let iid = iids.entry(row.project).or_default();
        *iid += 1;
        let (iid, pipeline) = (*iid, pipelines[&place]);
        let id = world.deployments.add(|id| Deployment {
            id,
            iid,
            pipeline,
            ..row
        });
        ids.insert(place as u64, id);
    }
    for change in world.delivery.days.values_mut().flat_map(|day| &mut day.changes) {
        change.deployment = ids[&change.deployment];
    }
}

/// Instants as text in the journal's first line.
mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::instant::{self, Instant};

    pub fn serialize<S: Serializer>(at: &Instant, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&instant::print_cursor(*at))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Instant, D::Error> {
        let text = String::deserialize(from)?;
        instant::parse(&text).ok_or_else(|| D::Error::custom("not an instant"))
    }
}
