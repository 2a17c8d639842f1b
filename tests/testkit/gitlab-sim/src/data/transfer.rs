//! What a project takes along when it moves to another group.
//!
//! Labels and milestones of the groups that it leaves stay there. GitLab puts those of the same title in their place,
//! and makes them in the project where there are none; nothing that carries them is marked as updated.

use std::collections::BTreeSet;

use super::{Label, LabelChange, Milestone, Owner, World};
use crate::instant::Instant;

impl World {
    /// Moves a project to the group at `namespace` at the instant `at`.
    pub fn transfer_project(&mut self, id: u64, namespace: &str, at: Instant) {
        let named = self.namespace_name(namespace);
        self.move_project(id, |row| {
            row.namespace = namespace.to_owned();
            row.namespace_name = named;
            row.updated_at = at;
        });
        for label in self.used(id, |world, row| world.labels.get(row).map(|label| label.owner), true) {
            let stand_in = self.label_instead(id, label, at);
            let merge_requests = &self.merge_requests;
            let moved = |change: &&mut LabelChange| {
                let row = merge_requests.get(change.merge_request);
                change.label == label && row.is_some_and(|row| row.project == id)
            };
            for change in self.label_changes.iter_mut().filter(moved) {
                change.label = stand_in;
            }
            self.replace(id, |labels, _| {
                if let Some(place) = labels.iter().position(|other| *other == label) {
                    labels.remove(place);
                    if let Err(place) = labels.binary_search(&stand_in) {
                        labels.insert(place, stand_in);
                    }
                }
            });
        }
        for milestone in self.used(id, |world, row| world.milestones.get(row).map(|row| row.owner), false) {
            let stand_in = self.milestone_instead(id, milestone, at);
            self.replace(id, |_, planned| {
                *planned = planned.map(|other| if other == milestone { stand_in } else { other });
            });
        }
    }

    /// A milestone with nothing but a title.
    pub fn blank_milestone(&self, owner: Owner, title: &str, at: Instant) -> Milestone {
        let iids = self
            .milestones
            .iter()
            .filter(|row| row.owner == owner)
            .map(|row| row.iid);
        Milestone {
            id: 0,
            iid: iids.max().unwrap_or_default() + 1,
            owner,
            title: title.to_owned(),
            description: None,
            active: true,
            start_date: None,
            due_date: None,
            created_at: at,
            updated_at: at,
        }
    }

    /// Labels or milestones that rows of the project carry and that are not to be had there any more.
    fn used(&self, project: u64, owner: impl Fn(&Self, u64) -> Option<Owner>, labels: bool) -> BTreeSet<u64> {
        let Some(home) = self.projects.get(project) else {
            return BTreeSet::new();
        };
        let merge_requests = home.by_iid.values().filter_map(|id| self.merge_requests.get(*id));
        let issues = home.issues.by_iid.values().filter_map(|id| self.issues.get(*id));
        let carried = merge_requests
            .map(|row| (&row.labels, row.milestone))
            .chain(issues.map(|row| (&row.labels, row.milestone)));
        carried
            .flat_map(|(on, planned)| {
                if labels {
                    on.clone()
                } else {
                    planned.into_iter().collect()
                }
            })
            .filter(|id| owner(self, *id).is_some_and(|owner| !self.is_available(owner, home)))
            .collect()
    }

    fn label_instead(&mut self, project: u64, label: u64, at: Instant) -> u64 {
        let gone = self.labels.get(label).expect("some row carries it").clone();
        let home = self.projects.get(project).expect("the project that moves");
        let same = self
            .labels
            .iter()
            .find(|other| other.title == gone.title && self.is_available(other.owner, home))
            .map(|other| other.id);
        same.unwrap_or_else(|| {
            self.labels.add(|id| Label {
                id,
                owner: Owner::Project(project),
                created_at: at,
                updated_at: at,
                ..gone
            })
        })
    }

    fn milestone_instead(&mut self, project: u64, milestone: u64, at: Instant) -> u64 {
        let gone = self
            .milestones
            .get(milestone)
            .expect("some row is planned for it")
            .clone();
        let home = self.projects.get(project).expect("the project that moves");
        let same = self
            .milestones
            .iter()
            .find(|other| other.title == gone.title && self.is_available(other.owner, home))
            .map(|other| other.id);
        same.unwrap_or_else(|| {
            let owner = Owner::Project(project);
            let blank = self.blank_milestone(owner, &gone.title, at);
            self.milestones.add(|id| Milestone {
                id,
                iid: blank.iid,
                owner,
                created_at: at,
                updated_at: at,
                ..gone
            })
        })
    }

    /// Changes labels and milestone of every merge request and issue of a project.
    fn replace(&mut self, project: u64, change: impl Fn(&mut Vec<u64>, &mut Option<u64>)) {
        for row in self.merge_requests.iter_mut().filter(|row| row.project == project) {
            change(&mut row.labels, &mut row.milestone);
        }
        for row in self.issues.iter_mut().filter(|row| row.project == project) {
            change(&mut row.labels, &mut row.milestone);
        }
    }
}
