//! What happened to the labels of merge requests, as GitLab's resource events tell it.

use super::{MergeRequest, World};
use crate::instant::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelStep {
    PutOn,
    TakenOff,
    /// The label itself was deleted. GitLab makes no event of that, and keeps the older ones.
    Deleted,
}

/// A change of a merge request's labels since the data was generated.
#[derive(Clone, Debug)]
pub struct LabelChange {
    pub merge_request: u64,
    pub label: u64,
    pub user: Option<u64>,
    pub step: LabelStep,
    pub at: Instant,
}

impl World {
    /// Notes that the labels of a merge request change; its author gets the credit.
    pub fn note_label(&mut self, merge_request: u64, label: u64, step: LabelStep, at: Instant) {
        let user = self.merge_requests.get(merge_request).and_then(|row| row.author);
        self.label_changes.push(LabelChange {
            merge_request,
            label,
            user,
            step,
            at,
        });
    }

    /// The changes of a merge request's labels, oldest first.
    pub fn label_changes_of(&self, merge_request: u64) -> impl DoubleEndedIterator<Item = &LabelChange> {
        let all = self.label_changes.iter();
        all.filter(move |change| change.merge_request == merge_request)
    }

    /// The labels that a merge request came with, by id: undoing the changes, the newest first, leads back to them.
    pub fn first_labels(&self, row: &MergeRequest) -> Vec<u64> {
        let mut labels = row.labels.clone();
        for change in self.label_changes_of(row.id).rev() {
            match change.step {
                LabelStep::PutOn => labels.retain(|label| *label != change.label),
                LabelStep::TakenOff | LabelStep::Deleted => labels.push(change.label),
            }
        }
        labels.sort_unstable();
        labels
    }
}
