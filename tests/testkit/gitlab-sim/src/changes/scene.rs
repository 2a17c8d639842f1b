//! One change while it is made: its world, its dice, and a list of the rows that moved.

use std::collections::BTreeMap;

use super::moved::{Moved, Relations, Snapshot};
use super::{About, Change, Done, Named};
use crate::data::{Group, MergeRequest, Note, Noteable, Project, State, Text, World, system_notes};
use crate::instant::Instant;
use crate::random::Random;

/// Only so many of the newest fitting merge requests are picked from: work goes on where it went on lately.
pub const RECENT: usize = 40;

pub struct Scene<'w> {
    pub world: &'w mut World,
    pub change: &'w Change,
    pub at: Instant,
    pub random: Random,
    pub moved: Moved,
    opened: Option<u64>,
    /// The merge requests that were touched, as they were before.
    before: BTreeMap<u64, MergeRequest>,
}

impl<'w> Scene<'w> {
    pub fn new(world: &'w mut World, change: &'w Change, at: Instant) -> Self {
        let random = Random::of(change.seed.unwrap_or(7), 9, world.changes);
        Self {
            world,
            change,
            at,
            random,
            moved: Moved::default(),
            opened: None,
            before: BTreeMap::new(),
        }
    }

    /// Counts the change and hands out the rows that moved, and the touched merge requests as they were before.
    pub fn finish(mut self) -> (Moved, BTreeMap<u64, MergeRequest>) {
        for (id, before) in &self.before {
            let after = Relations::of(self.world.merge_requests.get(*id));
            self.moved.compare(*id, &Relations::of(Some(before)), &after);
        }
        self.world.changes += 1;
        self.world.newest = self.world.newest.max(self.at);
        (self.moved, self.before)
    }

    /// The project that the change names, if it names one.
    pub fn named_project(&self) -> Result<Option<u64>, String> {
        let Some(path) = &self.change.project else {
            return Ok(None);
        };
        match self.world.project_by_path(path) {
            Some(project) => Ok(Some(project.id)),
            None => Err(format!("there is no project {path}")),
        }
    }

    /// The merge request that the change names, or one of those that fit. `wanted` says what fits.
    pub fn pick(&mut self, wanted: &str, fits: impl Fn(&World, &MergeRequest) -> bool) -> Result<u64, String> {
        self.pick_where(wanted, |world, row| !row.hidden && fits(world, row))
    }

    /// Like `pick`, but hidden ones are not left out.
    pub fn pick_where(&mut self, wanted: &str, fits: impl Fn(&World, &MergeRequest) -> bool) -> Result<u64, String> {
        let project = self.named_project()?;
        let world = &*self.world;
        let fitting: Vec<u64> = world
            .merge_requests
            .iter()
            .rev()
            .filter(|row| project.is_none_or(|project| row.project == project))
            .filter(|row| self.change.iid.is_none_or(|iid| row.iid == iid))
            // GitLab refuses to change anything in an archived project.
            .filter(|row| !world.project_of(row).archived && fits(world, row))
            .map(|row| row.id)
            .take(RECENT)
            .collect();
        if fitting.is_empty() {
            return Err(format!("this change needs {wanted}: there is none{}", self.scope('!')));
        }
        Ok(*self.random.pick(&fitting))
    }

    /// What the change names, for an error: ` as acme/shop!7`. `sign` is that of merge requests or issues.
    pub fn scope(&self, sign: char) -> String {
        match (&self.change.project, self.change.iid) {
            (Some(path), Some(iid)) => format!(" as {path}{sign}{iid}"),
            (Some(path), None) => format!(" in {path}"),
            (None, Some(iid)) => format!(" with the number {iid}"),
            (None, None) => String::new(),
        }
    }

    /// The project that the change names, or one of those that fit. `what` needs it.
    pub fn pick_project(&mut self, what: &str, fits: impl Fn(&Project) -> bool) -> Result<u64, String> {
        let named = self.named_project()?;
        let projects = self.world.projects.iter();
        let fitting: Vec<u64> = projects
            .filter(|project| named.is_none_or(|named| named == project.id) && fits(project))
            .map(|project| project.id)
            .collect();
        if fitting.is_empty() {
            return Err(format!(
                "{what} needs a fitting project: there is none{}",
                self.scope('!')
            ));
        }
        Ok(*self.random.pick(&fitting))
    }

    /// The group that the change names, or one of those that fit.
    pub fn pick_group(&mut self, fits: impl Fn(&Group) -> bool) -> Result<u64, String> {
        let named = self.change.group.as_deref();
        let groups = self.world.groups.iter();
        let fitting: Vec<u64> = groups
            .filter(|group| named.is_none_or(|path| group.full_path.eq_ignore_ascii_case(path)) && fits(group))
            .map(|group| group.id)
            .collect();
        if fitting.is_empty() {
            let scope = named.map(|path| format!(" as {path}")).unwrap_or_default();
            return Err(format!("this change needs a fitting group: there is none{scope}"));
        }
        Ok(*self.random.pick(&fitting))
    }

    pub fn row(&self, id: u64) -> &MergeRequest {
        self.world
            .merge_requests
            .get(id)
            .expect("a picked merge request stays until the end of the change")
    }

    /// Remembers a merge request as it is before it is changed for the first time; one that the change opened is new.
    pub fn remember(&mut self, id: u64) {
        if self.opened != Some(id)
            && !self.before.contains_key(&id)
            && let Some(row) = self.world.merge_requests.get(id)
        {
            self.before.insert(id, row.clone());
        }
    }

    /// Lists a merge request that the change opened.
    pub fn opened(&mut self, id: u64) {
        self.opened = Some(id);
        self.moved.merge_requests.insert(id);
        let after = Relations::of(self.world.merge_requests.get(id));
        self.moved.compare(id, &Relations::default(), &after);
    }

    /// Makes a change that shows in many rows, such as another path in all addresses, and finds out which.
    pub fn sweep(&mut self, change: impl FnOnce(&mut World)) {
        let before = Snapshot::of(self.world);
        change(self.world);
        self.moved.sweep(&before, &Snapshot::of(self.world));
    }

    /// Changes columns of a merge request, which moves `updated_at`.
    pub fn save(&mut self, id: u64, edit: impl FnOnce(&mut MergeRequest)) {
        self.remember(id);
        self.world.save(id, self.at, edit);
        self.moved.merge_requests.insert(id);
    }

    /// Changes a merge request without moving `updated_at`.
    pub fn save_quietly(&mut self, id: u64, edit: impl FnOnce(&mut MergeRequest)) {
        self.remember(id);
        self.world.save_quietly(id, edit);
        self.moved.merge_requests.insert(id);
    }

    /// Adds a note, which touches its merge request.
    pub fn note(&mut self, note: Note) {
        let (on, counts) = (note.on, note.icon.is_none());
        if let Noteable::MergeRequest(id) = on {
            self.remember(id);
        }
        let id = self.world.add_note(|id| Note { id, ..note });
        let Noteable::MergeRequest(merge_request) = on else {
            return;
        };
        self.moved.mr_notes.insert(id);
        if counts {
            self.moved.merge_requests.insert(merge_request);
        }
        self.touch(merge_request);
    }

    pub fn system_note(&mut self, id: u64, author: Option<u64>, icon: &'static str, body: impl Into<String>) {
        self.note(Note {
            author,
            icon: Some(icon),
            body: Text::plain(body.into()),
            ..system_notes::blank(Noteable::MergeRequest(id), self.at)
        });
    }

    pub fn touch(&mut self, id: u64) {
        self.remember(id);
        if self.world.touch(id, self.at) {
            self.moved.merge_requests.insert(id);
        }
    }

    /// One of GitLab's "events" happened, which moves the project's last activity, once an hour at most.
    pub fn record_activity(&mut self, id: u64) {
        let project = self.row(id).project;
        self.record_activity_in(project);
    }

    pub fn record_activity_in(&mut self, project: u64) {
        let last = |world: &World| world.projects.get(project).map(|row| row.last_activity_at);
        let before = last(self.world);
        self.world.record_activity(project, self.at);
        if last(self.world) != before {
            self.moved.projects.insert(project);
        }
    }

    /// An active member who is none of `others`.
    pub fn somebody_but(&mut self, others: &[u64]) -> Result<u64, String> {
        let members: Vec<u64> = self
            .world
            .users
            .iter()
            .filter(|user| user.member && !others.contains(&user.id))
            .map(|user| user.id)
            .collect();
        if members.is_empty() {
            return Err("there is nobody left to do that".to_owned());
        }
        Ok(*self.random.pick(&members))
    }

    /// Tells of a change of one merge request: `acme/shop!7 "Fix it" was merged by Ann`.
    pub fn done(&self, id: u64, what: &str, by: Option<u64>) -> Done {
        let named = self.named(id);
        let who = self.by(by);
        let title = self.row(id).title.read().into_owned();
        Done {
            description: format!("{}!{} \"{title}\" {what}{who}", named.project, named.iid),
            about: About::MergeRequest(named),
            by,
        }
    }

    pub fn by(&self, user: Option<u64>) -> String {
        let user = user.and_then(|user| self.world.users.get(user));
        user.map(|user| format!(" by {}", user.name)).unwrap_or_default()
    }

    fn named(&self, id: u64) -> Named {
        let row = self.row(id);
        Named {
            id,
            project: self.world.project_of(row).full_path(),
            iid: row.iid,
        }
    }
}

pub fn is_open(_: &World, row: &MergeRequest) -> bool {
    row.state == State::Opened
}
