//! How issues change: the same rules as for merge requests.

use super::{Issue, Noteable, World};
use crate::instant::{Instant, MINUTE};

impl World {
    /// Adds an issue and gives it the next number in its project.
    pub fn add_issue(&mut self, project: u64, make: impl FnOnce(u64, u32) -> Issue) -> u64 {
        let home = self
            .projects
            .get_mut(project)
            .expect("the caller looked the project up");
        home.issues.last_iid += 1;
        let iid = home.issues.last_iid;
        let id = self.issues.add(|id| make(id, iid));
        let row = self.issues.get(id).expect("just added");
        home.issues.by_iid.insert(iid, id);
        home.issues.by_updated.insert((row.updated_at, id));
        home.issues.by_created.insert((row.created_at, id));
        home.open_issues_count += u32::from(!row.closed);
        self.newest = self.newest.max(row.updated_at);
        id
    }

    /// Takes an issue out, with its notes. GitLab leaves no tombstone.
    pub fn remove_issue(&mut self, id: u64) -> Option<Issue> {
        let row = self.issues.remove(id)?;
        if let Some(home) = self.projects.get_mut(row.project) {
            home.issues.by_iid.remove(&row.iid);
            home.issues.by_updated.remove(&(row.updated_at, id));
            home.issues.by_created.remove(&(row.created_at, id));
            home.open_issues_count -= u32::from(!row.closed);
        }
        for note in &row.notes {
            self.notes.remove(*note);
        }
        Some(row)
    }

    /// Changes columns of an issue, which always moves `updated_at`.
    pub fn save_issue(&mut self, id: u64, at: Instant, change: impl FnOnce(&mut Issue)) {
        self.save_issue_quietly(id, change);
        self.set_issue_updated(id, at);
    }

    /// Changes an issue without moving `updated_at`.
    pub fn save_issue_quietly(&mut self, id: u64, change: impl FnOnce(&mut Issue)) {
        let Some(row) = self.issues.get_mut(id) else { return };
        let before = u32::from(!row.closed);
        change(row);
        let after = u32::from(!row.closed);
        if let Some(home) = self.projects.get_mut(row.project) {
            home.open_issues_count = home.open_issues_count + after - before;
        }
    }

    /// Moves `updated_at` because something beside the row changed, unless the last update is less than a minute old.
    pub fn touch_issue(&mut self, id: u64, at: Instant) {
        if self.issues.get(id).is_some_and(|row| at - row.updated_at >= MINUTE) {
            self.set_issue_updated(id, at);
        }
    }

    pub(super) fn count_issue_notes(&mut self, id: u64) {
        let Some(row) = self.issues.get(id) else { return };
        let notes = row.notes.iter().filter_map(|note| self.notes.get(*note));
        let count = notes.filter(|note| note.icon.is_none()).count() as u32;
        self.save_issue_quietly(id, |row| row.user_notes = count);
    }

    pub(super) fn notes_of(&mut self, on: Noteable) -> Option<&mut Vec<u64>> {
        match on {
            Noteable::MergeRequest(id) => Some(&mut self.merge_requests.get_mut(id)?.notes),
            Noteable::Issue(id) => Some(&mut self.issues.get_mut(id)?.notes),
        }
    }

    fn set_issue_updated(&mut self, id: u64, at: Instant) {
        let Some(row) = self.issues.get_mut(id) else { return };
        if let Some(home) = self.projects.get_mut(row.project) {
            home.issues.by_updated.remove(&(row.updated_at, id));
            home.issues.by_updated.insert((at, id));
        }
        row.updated_at = at;
        self.newest = self.newest.max(at);
    }
}
