//! The only ways in which rows change. They keep the indices and GitLab's counters right.

use super::{Discussions, MergeRequest, Note, Noteable, Pipeline, Project, World};
use crate::instant::{HOUR, Instant, MINUTE};

impl World {
    pub fn add_project(&mut self, make: impl FnOnce(u64) -> Project) -> u64 {
        let id = self.projects.add(make);
        let path = self.projects.get(id).map(Project::full_path);
        self.project_paths.extend(path.map(|path| (path.to_lowercase(), id)));
        id
    }

    /// Adds a merge request and gives it the next number in its project.
    pub fn add_merge_request(&mut self, make: impl FnOnce(u64, u32) -> MergeRequest, project: u64) -> u64 {
        let home = self
            .projects
            .get_mut(project)
            .expect("the caller looked the project up");
        let iid = home.next_iid;
        home.next_iid += 1;
        let id = self.merge_requests.add(|id| make(id, iid));
        let row = self.merge_requests.get(id).expect("just added");
        home.by_iid.insert(iid, id);
        home.by_updated.insert((row.updated_at, id));
        home.by_created.insert((row.created_at, id));
        self.newest = self.newest.max(row.updated_at);
        id
    }

    /// Takes a merge request out, with its notes. GitLab leaves no tombstone, and its pipelines stay.
    pub fn remove_merge_request(&mut self, id: u64) {
        let Some(row) = self.merge_requests.remove(id) else {
            return;
        };
        if let Some(home) = self.projects.get_mut(row.project) {
            home.by_iid.remove(&row.iid);
            home.by_updated.remove(&(row.updated_at, id));
            home.by_created.remove(&(row.created_at, id));
        }
        for note in &row.notes {
            self.notes.remove(*note);
        }
        self.removed.push(row);
    }

    /// Changes columns of a merge request, which always moves `updated_at`.
    pub fn save(&mut self, id: u64, at: Instant, change: impl FnOnce(&mut MergeRequest)) {
        if let Some(row) = self.merge_requests.get_mut(id) {
            change(row);
        }
        self.set_updated(id, at);
    }

    /// Changes what GitLab keeps outside the row or writes past its timestamps: `updated_at` stays.
    pub fn save_quietly(&mut self, id: u64, change: impl FnOnce(&mut MergeRequest)) {
        if let Some(row) = self.merge_requests.get_mut(id) {
            change(row);
        }
    }

    /// Moves `updated_at` because something beside the row changed. GitLab drops such a touch when the last update is
    /// less than a minute old (its `ThrottledTouch`). True if it moved.
    pub fn touch(&mut self, id: u64, at: Instant) -> bool {
        let row = self.merge_requests.get(id);
        let due = row.is_some_and(|row| at - row.updated_at >= MINUTE);
        if due {
            self.set_updated(id, at);
        }
        due
    }

    /// Adds a note to what it is about, without touching that.
    pub fn add_note(&mut self, make: impl FnOnce(u64) -> Note) -> u64 {
        let id = self.notes.add(make);
        let note = self.notes.get(id).expect("just added");
        let (on, created_at) = (note.on, note.created_at);
        let others = self.notes_of(on).map(std::mem::take);
        if let Some(mut others) = others {
            let place = others.partition_point(|other| {
                self.notes
                    .get(*other)
                    .is_some_and(|other| (other.created_at, other.id) < (created_at, id))
            });
            others.insert(place, id);
            if let Some(notes) = self.notes_of(on) {
                *notes = others;
            }
        }
        self.recount(on);
        self.newest = self.newest.max(created_at);
        id
    }

    /// Takes a note out. The counters go down and nothing else moves, as in GitLab.
    pub fn remove_note(&mut self, id: u64) -> Option<Note> {
        let note = self.notes.remove(id)?;
        if let Some(notes) = self.notes_of(note.on) {
            notes.retain(|other| *other != id);
        }
        self.recount(note.on);
        Some(note)
    }

    /// Changes a note and what is counted of it, without touching what it is about.
    pub fn edit_note(&mut self, id: u64, change: impl FnOnce(&mut Note)) {
        if let Some(note) = self.notes.get_mut(id) {
            change(note);
            let on = note.on;
            self.recount(on);
        }
    }

    /// Takes a pipeline out. Where it was the head pipeline, there is none then; no `updated_at` moves.
    pub fn remove_pipeline(&mut self, id: u64) -> Option<Pipeline> {
        let row = self.pipelines.remove(id)?;
        if let Some(home) = self.projects.get_mut(row.project) {
            home.pipelines.remove(&id);
        }
        for row in self.merge_requests.iter_mut() {
            row.pipelines.retain(|other| *other != id);
            row.head_pipeline = row.head_pipeline.filter(|other| *other != id);
        }
        Some(row)
    }

    /// Adds a pipeline and gives it the next number in its project.
    pub fn add_pipeline(&mut self, project: u64, make: impl FnOnce(u64, u32) -> Pipeline) -> u64 {
        let home = self
            .projects
            .get_mut(project)
            .expect("the caller looked the project up");
        let iid = home.next_pipeline_iid;
        home.next_pipeline_iid += 1;
        let id = self.pipelines.add(|id| make(id, iid));
        home.pipelines.insert(id);
        id
    }

    /// Something happened in a project. GitLab writes that down once an hour at most.
    pub fn record_activity(&mut self, project: u64, at: Instant) {
        if let Some(row) = self.projects.get_mut(project)
            && at - row.last_activity_at >= HOUR
        {
            row.last_activity_at = at;
        }
    }

    fn set_updated(&mut self, id: u64, at: Instant) {
        let Some(row) = self.merge_requests.get_mut(id) else {
            return;
        };
        if let Some(home) = self.projects.get_mut(row.project) {
            home.by_updated.remove(&(row.updated_at, id));
            home.by_updated.insert((at, id));
        }
        row.updated_at = at;
        self.newest = self.newest.max(at);
    }

    pub(super) fn count_discussions(&self, row: &MergeRequest) -> Discussions {
        let mut counts = Discussions::default();
        for note in row.notes.iter().filter_map(|id| self.notes.get(*id)) {
            if note.icon.is_some() {
                continue;
            }
            counts.user_notes += 1;
            if !note.reply {
                counts.user_discussions += 1;
                counts.resolvable += u32::from(note.resolvable);
                counts.resolved += u32::from(note.resolvable && note.resolved_at.is_some());
            }
        }
        counts
    }

    fn recount(&mut self, on: Noteable) {
        match on {
            Noteable::Issue(id) => self.count_issue_notes(id),
            Noteable::MergeRequest(id) => {
                if let Some(row) = self.merge_requests.get(id) {
                    let counts = self.count_discussions(row);
                    self.save_quietly(id, |row| row.discussions = counts);
                }
            }
        }
    }

    /// Links generated notes, which come in order of time: one pass instead of one search for each.
    pub fn attach_notes(&mut self, notes: impl Iterator<Item = Note>) {
        for mut note in notes {
            let on = note.on;
            let id = self.notes.add(|id| {
                note.id = id;
                note
            });
            if let Some(notes) = self.notes_of(on) {
                notes.push(id);
            }
        }
        let ids: Vec<u64> = self.merge_requests.iter().map(|row| row.id).collect();
        for id in ids {
            self.recount(Noteable::MergeRequest(id));
        }
        let ids: Vec<u64> = self.issues.iter().map(|row| row.id).collect();
        for id in ids {
            self.recount(Noteable::Issue(id));
        }
    }
}
