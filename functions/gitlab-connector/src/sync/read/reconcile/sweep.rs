//! What is done about rows that GitLab no longer shows.
//!
//! Whoever loses a role, or switches a feature off, sees less, and that looks like deletion. So a sweep that would mark
//! all rows of a project, or more than a share of a scope, is held back. The next pass looks again, and does what both
//! have found.

use std::collections::{BTreeMap, HashMap};

use xxhash_rust::xxh3::xxh3_64;

use crate::ledger::{Counted, Entry, GapReason, Told};
use crate::streams::{Node, projects};
use crate::sync::lock::lock;
use crate::sync::read::reconcile::compare::{Difference, Differing};
use crate::sync::report::ScopeProblem;
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::session::Session;
use crate::sync::state::{Gone, Held, Sweep, Tally};

/// Fewer rows of a scope are no sweep, whatever their share.
const SWEEP: u64 = 20;
/// Rows of one list that are kept until its end; they stand in the cursor.
const MOST_KEPT: u64 = 20_000;

/// A pass over a scope, as far as its parts share it.
pub struct Comparison<'p, 'a> {
    pub session: &'p Session<'a>,
    pub scope: &'p Scope,
    pub projects: &'p BTreeMap<i64, String>,
    /// What the last pass has held back.
    pub before: &'p BTreeMap<String, Held>,
    pub sweep: Sweep,
    pub held: BTreeMap<String, Held>,
}

/// Projects that are compared at once, if the list of each fits a page.
const PROJECTS: usize = 100;
/// The same where somebody waits for it.
const PROJECTS_IN_HASTE: usize = 1000;

impl<'a> Comparison<'_, 'a> {
    /// How many projects are compared at once.
    pub fn at_once(&self) -> usize {
        match self.session.is_comparing() {
            true => PROJECTS_IN_HASTE,
            false => PROJECTS,
        }
    }

    /// Notes what differs, if it was asked for, and takes out what is gone.
    pub fn differs(&mut self, stream: &'static str, found: &mut Difference<'_>) -> BTreeMap<i64, (Vec<i64>, Counted)> {
        if let Some(verified) = &mut *lock(&self.session.verified) {
            let of = |project: i64| self.projects.get(&project).map_or("", String::as_str);
            let name = |project: i64, id: i64| format!("{stream} {id} of {}", of(project));
            for Differing {
                project,
                node,
                iid,
                known,
            } in &found.to_read
            {
                let named = || name(*project, Node::new(node).number("id").unwrap_or_default());
                let by_number = |iid: &i64| format!("{}/-/{stream}/{iid}", of(*project));
                let address = iid.as_ref().map_or_else(named, by_number);
                match known {
                    Some(_) => verified.changed.push(address),
                    None => verified.missing.push(address),
                }
            }
            let gone = found.gone.iter();
            let gone = gone.flat_map(|(project, (ids, _))| ids.iter().map(|id| name(*project, *id)));
            verified.gone.extend(gone);
        }
        std::mem::take(&mut found.gone)
    }

    /// Takes in rows that GitLab no longer shows: they are marked at the end of the list, if at all.
    pub fn gone(
        &mut self,
        stream: &str,
        gone: BTreeMap<i64, (Vec<i64>, Counted)>,
        tallies: &mut HashMap<i64, Tally>,
        rows: &mut Rows<'a>,
    ) {
        let known_to_be_many = self.before.get(stream).is_some_and(|held| held.over);
        for (project, (ids, counted)) in gone {
            if known_to_be_many {
                rows.mark_gone(self.session.streams.named(stream), ids);
                let tally = tallies.entry(project).or_default();
                tally.live = tally.live.less(counted);
                continue;
            }
            let kept: usize = self.sweep.gone.values().map(|gone| gone.ids.len()).sum();
            self.sweep.over |= (kept + ids.len()) as u64 > MOST_KEPT;
            let gone = self.sweep.gone.entry(project).or_default();
            gone.counted.add_all(counted);
            if !self.sweep.over {
                gone.ids.extend(ids);
            }
        }
    }

    /// All of a project's list is compared.
    pub fn compared(&mut self, stream: &'static str, project: i64, tally: Tally) {
        self.sweep.live += tally.live.rows;
        match self.sweep.gone.get_mut(&project) {
            Some(gone) => gone.tally = tally,
            None => self.enter(stream, project, Told::Rows(tally.shown), tally.live),
        }
    }

    /// Tells the ledger of a stream in a project.
    pub fn enter(&self, stream: &'static str, project: i64, gitlab: Told, live: Counted) {
        let now = self.session.now();
        lock(&self.session.news).entries.push(Entry {
            project,
            stream: stream.to_owned(),
            path: self.projects.get(&project).cloned().unwrap_or_default(),
            gitlab,
            live,
            deleted: 0,
            since: now,
            looked_at: now,
        });
    }

    /// All of a list is compared: marks what is gone, or holds it back.
    pub fn settle(&mut self, stream: &'static str, rows: &mut Rows<'a>) {
        let sweep = std::mem::take(&mut self.sweep);
        let share = self.session.options.hold_deletions_above;
        let confirmed = self.session.deletions_are_confirmed();
        let (ids, held) = decide(&sweep, self.before.get(stream), share, confirmed);
        for (project, Gone { counted, tally, .. }) in sweep.gone {
            let stay = held.over || held.projects.contains_key(&project);
            let live = if stay { tally.live } else { tally.live.less(counted) };
            self.enter(stream, project, Told::Rows(tally.shown), live);
        }
        rows.mark_gone(self.session.streams.named(stream), ids);
        self.hold(stream, held);
    }

    /// The same of projects, with their full paths, with which all that is in them goes.
    pub fn settle_projects(&mut self, gone: &BTreeMap<i64, String>, rows: &mut Rows<'a>) {
        let before = self.before.get(projects::NAME);
        let confirmed = self.session.deletions_are_confirmed();
        let again = |id: &i64| confirmed || before.is_some_and(|held| held.projects.contains_key(id));
        let (done, held): (Vec<i64>, Vec<i64>) = gone.keys().copied().partition(again);
        lock(&self.session.news).ended.extend(&done);
        rows.mark_gone(self.session.streams.named(projects::NAME), done);
        if let Some(verified) = &mut *lock(&self.session.verified) {
            verified.hidden.extend(gone.values().cloned());
        }
        for id in &held {
            let message = "GitLab does not show it any more: it was deleted, or access was lost";
            self.session.gap(GapReason::Hidden, gone[id].clone(), message.into(), 1);
        }
        let held = held.into_iter().map(|id| (id, (1, checksum(&[id])))).collect();
        self.hold(
            projects::NAME,
            Held {
                projects: held,
                over: false,
            },
        );
    }

    fn hold(&mut self, stream: &'static str, held: Held) {
        if held == Held::default() {
            return;
        }
        let rows: u64 = held.projects.values().map(|(count, _)| count).sum();
        let message = match held.over {
            true => format!("GitLab shows more than {MOST_KEPT} rows of {stream} no longer"),
            false => format!(
                "GitLab shows {rows} rows of {stream} in {} projects no longer: {}",
                held.projects.len(),
                self.named(held.projects.keys())
            ),
        };
        tracing::warn!(event = "deletions_held", scope = %self.scope, stream, rows, "{message}; they are not marked as deleted yet");
        let address = format!("{stream} of {}", self.scope);
        self.session.gap(GapReason::Held, address, message.clone(), rows);
        lock(&self.session.warnings).push(ScopeProblem::held(self.scope, stream, message));
        self.held.insert(stream.to_owned(), held);
    }

    /// Some projects, for people.
    fn named<'i>(&self, ids: impl Iterator<Item = &'i i64>) -> String {
        let names: Vec<String> = ids
            .map(|id| {
                self.projects
                    .get(id)
                    .cloned()
                    .unwrap_or_else(|| format!("project {id}"))
            })
            .collect();
        match names.len() {
            0..=10 => names.join(", "),
            many => format!("{} and {} more", names[..10].join(", "), many - 10),
        }
    }
}

/// What to mark as deleted, and what to hold back.
fn decide(sweep: &Sweep, before: Option<&Held>, share: f64, confirmed: bool) -> (Vec<i64>, Held) {
    if sweep.over {
        let held = Held {
            over: true,
            ..Held::default()
        };
        return (Vec::new(), held);
    }
    let gone: u64 = sweep.gone.values().map(|gone| gone.ids.len() as u64).sum();
    let is_sweep = gone >= SWEEP && gone as f64 > share * sweep.live as f64;
    let (mut ids, mut held) = (Vec::new(), Held::default());
    for (project, gone) in &sweep.gone {
        let of_project = &gone.ids;
        let found = (of_project.len() as u64, checksum(of_project));
        let whole = found.0 >= gone.tally.live.rows;
        let again = confirmed || before.is_some_and(|held| held.projects.get(project) == Some(&found));
        if (whole || is_sweep) && !again {
            held.projects.insert(*project, found);
        } else {
            ids.extend(of_project);
        }
    }
    (ids, held)
}

/// The same for the same ids in whatever order.
fn checksum(ids: &[i64]) -> i64 {
    ids.iter().fold(0, |sum: i64, id| {
        sum.wrapping_add(xxh3_64(&id.to_le_bytes()).cast_signed())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(live: u64, gone: &[(i64, u64, std::ops::Range<i64>)]) -> Sweep {
        let gone = gone.iter().map(|(project, live, ids)| {
            let live = Counted { rows: *live, sum: 0 };
            let gone = Gone {
                ids: ids.clone().collect(),
                tally: Tally {
                    live,
                    ..Tally::default()
                },
                ..Gone::default()
            };
            (*project, gone)
        });
        Sweep {
            live,
            gone: gone.collect(),
            ..Sweep::default()
        }
    }

    #[test]
    fn a_few_rows_are_marked_at_once_and_a_whole_project_only_when_it_is_found_again() {
        let found = sweep(1000, &[(1, 50, 0..3), (2, 4, 10..14)]);
        let (ids, held) = decide(&found, None, 0.2, false);
        assert_eq!((ids, held.projects.keys().copied().collect()), (vec![0, 1, 2], vec![2]));
        // Other rows than before are looked at once more.
        let other = sweep(1000, &[(2, 4, 20..24)]);
        assert_eq!(decide(&other, Some(&held), 0.2, false).0, Vec::<i64>::new());
        assert_eq!(decide(&found, Some(&held), 0.2, false).0, [0, 1, 2, 10, 11, 12, 13]);
    }

    #[test]
    fn more_than_a_share_of_a_scope_is_held_and_a_few_rows_are_no_share() {
        let marked = |live, count| decide(&sweep(live, &[(1, live, 0..count)]), None, 0.2, false).0.len();
        assert_eq!(
            (marked(40, 19), marked(40, 20), marked(100, 20), marked(100, 21)),
            (19, 0, 20, 0)
        );
    }
}
