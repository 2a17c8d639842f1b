//! Compares lists of merge requests and issues: of many projects at once, and of a long one a stretch at a time.

use mergemind_shared::warehouse::Within;
use serde_json::Value as Json;
use time::OffsetDateTime;

use crate::gitlab::{self, Owner, Page, time_of};
use crate::streams::Node;
use crate::sync::error::Error;
use crate::sync::list::List;
use crate::sync::read::list_request::{Which, Window, fetch};
use crate::sync::read::reconcile::compare::{difference, ids_left_out};
use crate::sync::read::reconcile::sweep::Comparison;
use crate::sync::read::{changes_by_project, lookup};
use crate::sync::rows::Rows;
use crate::sync::session::Session;
use crate::sync::state::{IdsProgress, Tally};

/// Pages of ids that make a stretch.
const PAGES: usize = 50;
/// Projects that are compared at once, if the list of each fits a page.
const PROJECTS: usize = 100;
/// After any time that GitLab can hold: the end of the year 9999, in microseconds.
const FOREVER: i64 = 253_402_300_799_000_000;

impl<'a> Comparison<'_, 'a> {
    /// Compares the next projects that fit a page each, or a stretch of one that does not; tells whether these were the
    /// last.
    ///
    /// # Errors
    /// If GitLab or the warehouse still fails after retries; nothing is marked as deleted then.
    pub async fn compare_list(
        &mut self,
        list: &'static List,
        progress: &mut IdsProgress,
        rows: &mut Rows<'a>,
    ) -> Result<bool, Error> {
        if !self.session.on(list.stream) {
            return Ok(true);
        }
        let begin = progress.last_project.map_or(i64::MIN, |id| id.saturating_add(1));
        let ids: Vec<i64> = self.projects.range(begin..).map(|(id, _)| *id).take(PROJECTS).collect();
        let done = match ids.first() {
            None => 0,
            Some(first) if progress.compared_until.is_some() => {
                self.compare_stretch(list, *first, progress, rows).await?
            }
            Some(first) => match self.compare_whole(list, &ids, rows).await? {
                0 => self.compare_stretch(list, *first, progress, rows).await?,
                done => done,
            },
        };
        if done > 0 {
            progress.last_project = ids.get(done - 1).copied();
        }
        let is_last = progress.compared_until.is_none() && self.projects.range(begin..).nth(done).is_none();
        if is_last {
            self.settle(list.stream, rows);
        }
        Ok(is_last)
    }

    /// Compares the first of these projects, as long as the list of each fits a page; tells how many.
    async fn compare_whole(&mut self, list: &'static List, ids: &[i64], rows: &mut Rows<'a>) -> Result<usize, Error> {
        let session = self.session;
        let pages = changes_by_project::first_pages(session, list, Which::Ids, ids, &Window::default()).await?;
        let (mut done, mut all, mut owners) = (0, Page::default(), Vec::new());
        for (id, page) in ids.iter().zip(pages) {
            match page {
                Ok(page) if page.is_null => self.not_offered(list.stream, *id).await?,
                Ok(page) if !page.has_next => {
                    owners.push(*id);
                    all.append(page);
                }
                // It was deleted, or is hidden by now.
                Err(gitlab::Error::ScopeNotFound(_)) => {}
                Ok(_) | Err(_) => break,
            }
            done += 1;
        }
        if !owners.is_empty() {
            let bounds = vec![Within::OneOf("project_id", owners.clone())];
            let nodes: Vec<&Json> = all.nodes.iter().collect();
            let tally = self.compare_nodes(list, bounds, &nodes, &all, rows).await?;
            for id in owners {
                self.compared(id, tally(id));
            }
        }
        Ok(done)
    }

    /// Compares a stretch of a long list; tells how many projects are done with it.
    async fn compare_stretch(
        &mut self,
        list: &'static List,
        project: i64,
        progress: &mut IdsProgress,
        rows: &mut Rows<'a>,
    ) -> Result<usize, Error> {
        let (session, from) = (self.session, progress.compared_until);
        let (page, until) = match stretch(session, list, Owner::Project(project), from).await {
            Ok((page, _)) if page.is_null => {
                self.not_offered(list.stream, project).await?;
                (None, None)
            }
            Ok((page, until)) => (Some(page), until),
            // It was deleted, or is hidden by now.
            Err(gitlab::Error::ScopeNotFound(_)) => (None, None),
            Err(error) if session.concerns_all_of_gitlab(&error).await => return Err(error.into()),
            Err(error) => {
                let what = format!("looking for what is gone in the project {project}");
                session.warn(self.scope, &what, &error.into());
                (None, None)
            }
        };
        progress.compared_until = until;
        if let Some(page) = page {
            let micros = |at: OffsetDateTime| i64::try_from(at.unix_timestamp_nanos() / 1000).unwrap_or(FOREVER);
            let bounds = vec![
                Within::Times("created_at", from.map_or(0, micros), until.map_or(FOREVER, micros)),
                Within::OneOf("project_id", vec![project]),
            ];
            // It may hold more than the stretch.
            let within =
                |node: &&Json| until.is_none_or(|until| time_of(node, "createdAt").is_some_and(|at| at < until));
            let nodes: Vec<&Json> = page.nodes.iter().filter(within).collect();
            let tally = self.compare_nodes(list, bounds, &nodes, &page, rows).await?;
            self.sweep.current.add(tally(project));
        }
        if until.is_some() {
            return Ok(0);
        }
        let tally = std::mem::take(&mut self.sweep.current);
        self.compared(project, tally);
        Ok(1)
    }

    /// Compares what is within these bounds, and reads what differs.
    async fn compare_nodes(
        &mut self,
        list: &'static List,
        bounds: Vec<Within>,
        nodes: &[&Json],
        page: &Page,
        rows: &mut Rows<'a>,
    ) -> Result<impl Fn(i64) -> Tally + use<'a>, Error> {
        let session = self.session;
        session.warn_left_out(self.scope, &page.left_out);
        let project_of = |node: &Json| Node::new(node).number("projectId").unwrap_or_default();
        let nodes: Vec<(i64, &Json)> = nodes.iter().map(|node| (project_of(node), *node)).collect();
        let left_out: Vec<i64> = ids_left_out(page).collect();
        let stream = session.streams.named(list.stream);
        let found = difference(session, stream, &bounds, &nodes, &left_out).await?;
        let mut wanted = lookup::Wanted::new();
        for (_, node) in found.to_read {
            let iid = node["iid"].as_str().and_then(|iid| iid.parse().ok());
            if let (Some(iid), Some(path)) = (iid, session.path_of(node)) {
                wanted.entry(path).or_default().insert(iid);
            }
        }
        lookup::add(session, list, &wanted, rows).await?;
        for (project, ids) in found.gone {
            self.gone(list.stream, project, ids, rows);
        }
        let tally = found.tally;
        Ok(move |project| tally.get(&project).copied().unwrap_or_default())
    }

    /// A list that GitLab does not offer in a project, or not to this token, says nothing about what there is.
    ///
    /// # Errors
    /// If GitLab still fails after retries.
    pub async fn not_offered(&mut self, stream: &'static str, project: i64) -> Result<(), Error> {
        let session = self.session;
        let bounds = [Within::OneOf("project_id", vec![project])];
        let known = session.tables.known(session.streams.named(stream), &bounds).await?;
        if known.is_empty() {
            return Ok(());
        }
        let path = self.projects.get(&project).map_or("", String::as_str);
        let what = format!("{stream} of {path}");
        let said = format!("{} rows of it were read before, and stay", known.len());
        session.warn(self.scope, &what, &gitlab::Error::Absent(said).into());
        Ok(())
    }
}

/// The ids of a stretch of a list, and where it ends: all that was created before is among them. GitLab
/// prints whole seconds, so a stretch ends between two of them.
async fn stretch(
    session: &Session<'_>,
    list: &'static List,
    owner: Owner,
    from: Option<OffsetDateTime>,
) -> Result<(Page, Option<OffsetDateTime>), gitlab::Error> {
    let mut window = Window {
        from,
        ..Window::default()
    };
    let mut found = Page::default();
    for pages in 1.. {
        let (page, read_until) = fetch(session, list, Which::Ids, owner.clone(), &window).await?;
        window.from = read_until.or(window.from);
        found.append(page);
        window.after.clone_from(&found.end);
        if !found.has_next {
            break;
        }
        let last = found.nodes.iter().filter_map(|node| time_of(node, "createdAt")).max();
        if pages >= PAGES && last > from {
            return Ok((found, last));
        }
    }
    Ok((found, None))
}
