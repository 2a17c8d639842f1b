//! Compares lists of merge requests and issues: of many projects at once, and of a long one a stretch at a time.

use std::collections::HashMap;

use mergemind_shared::warehouse::Within;
use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use crate::gitlab::{self, Connection, Owner, Page, Purpose, Selection, time_of};
use crate::ledger::{Counted, GapReason, Told};
use crate::streams::Node;
use crate::sync::error::Error;
use crate::sync::gaps;
use crate::sync::list::List;
use crate::sync::read::list_request::{self, ListKind, PageBounds, fetch};
use crate::sync::read::reconcile::compare::{Differing, difference, ids_left_out};
use crate::sync::read::reconcile::sweep::Comparison;
use crate::sync::read::{changes_by_project, lookup};
use crate::sync::rows::Rows;
use crate::sync::session::Session;
use crate::sync::state::{IdsProgress, Tally};

/// Sizes of pages: GitLab scores a page by its size (docs/gitlab.md#score), in whole numbers, so that these cost as little as
/// the next smaller ones. In the first two the ids of 1,000 projects fit a request.
const SIZES: [u32; 2] = [14, 42];
/// Rows that may have come since.
const SPARE: u64 = 3;

/// How many rows to ask for of a list of which the raw table has so many.
pub fn first_for(known: Option<u64>, largest: u32) -> u32 {
    let wanted = known.unwrap_or_default() + SPARE;
    let fitting = SIZES.into_iter().find(|size| u64::from(*size) >= wanted);
    fitting.unwrap_or(largest).min(largest)
}

/// Pages of ids that make a stretch.
const PAGES: usize = 50;
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
        let at_once = self.at_once();
        let ids: Vec<i64> = self.projects.range(begin..).map(|(id, _)| *id).take(at_once).collect();
        if progress.compared_until.is_some() && progress.long.is_empty() {
            // As an earlier version left it.
            progress.long.extend(ids.first());
            progress.last_project = ids.first().copied();
        } else if let Some(last) = ids.last() {
            self.compare_whole(list, &ids, progress, rows).await?;
            progress.last_project = Some(*last);
        } else if let Some(project) = progress.long.first().copied()
            && self.compare_stretch(list, project, progress, rows).await?
        {
            progress.long.remove(0);
        }
        let next = progress.last_project.map_or(i64::MIN, |id| id.saturating_add(1));
        let is_last = progress.long.is_empty() && self.projects.range(next..).next().is_none();
        if is_last {
            self.settle(list.stream, rows);
        }
        Ok(is_last)
    }

    /// What of each row is compared.
    fn kind(&self) -> ListKind {
        match self.session.is_comparing() {
            true => ListKind::Times,
            false => ListKind::Ids,
        }
    }

    /// Compares those of these projects whose list fits a page.
    async fn compare_whole(
        &mut self,
        list: &'static List,
        ids: &[i64],
        progress: &mut IdsProgress,
        rows: &mut Rows<'a>,
    ) -> Result<(), Error> {
        let session = self.session;
        let pages = match session.is_comparing() {
            true => times_of(session, list, ids).await?,
            false => changes_by_project::first_pages(session, list, ListKind::Ids, ids, &PageBounds::default()).await?,
        };
        let (mut all, mut owners) = (Page::default(), Vec::new());
        for (id, page) in ids.iter().zip(pages) {
            match page {
                Ok(page) if page.is_null => self.not_offered(list.stream, *id).await?,
                Ok(page) if !page.has_next => {
                    owners.push(*id);
                    all.append(page);
                }
                // It was deleted, or is hidden by now.
                Err(gitlab::Error::ScopeNotFound(_)) => {}
                Ok(_) | Err(_) => progress.long.push(*id),
            }
        }
        if !owners.is_empty() {
            let bounds = vec![Within::OneOf("project_id", owners.clone())];
            let nodes: Vec<&Json> = all.nodes.iter().collect();
            let tallies = self.compare_nodes(list, bounds, &nodes, &all, rows).await?;
            for id in owners {
                self.compared(list.stream, id, tallies.get(&id).copied().unwrap_or_default());
            }
        }
        Ok(())
    }

    /// Compares a stretch of a long list; tells whether it was the last one.
    async fn compare_stretch(
        &mut self,
        list: &'static List,
        project: i64,
        progress: &mut IdsProgress,
        rows: &mut Rows<'a>,
    ) -> Result<bool, Error> {
        let (session, from) = (self.session, progress.compared_until);
        let (page, until) = match stretch(session, list, self.kind(), Owner::Project(project), from).await {
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
        let is_compared = page.is_some();
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
            let tallies = self.compare_nodes(list, bounds, &nodes, &page, rows).await?;
            self.sweep
                .current
                .add(tallies.get(&project).copied().unwrap_or_default());
        }
        if until.is_some() {
            return Ok(false);
        }
        let tally = std::mem::take(&mut self.sweep.current);
        match is_compared {
            true => self.compared(list.stream, project, tally),
            // What seemed gone before the list broke off waits for a look that comes to its end, or the ledger would call it equal.
            false => drop(self.sweep.gone.remove(&project)),
        }
        Ok(true)
    }

    /// Compares what is within these bounds, and reads what differs.
    async fn compare_nodes(
        &mut self,
        list: &'static List,
        bounds: Vec<Within>,
        nodes: &[&Json],
        page: &Page,
        rows: &mut Rows<'a>,
    ) -> Result<HashMap<i64, Tally>, Error> {
        let session = self.session;
        session.warn_left_out(self.scope, &page.left_out);
        let project_of = |node: &Json| Node::new(node).number("projectId").unwrap_or_default();
        let nodes: Vec<(i64, &Json)> = nodes.iter().map(|node| (project_of(node), *node)).collect();
        let left_out: Vec<i64> = ids_left_out(page).collect();
        let stream = session.streams.named(list.stream);
        let mut found = difference(session, stream, &bounds, &nodes, &left_out).await?;
        add_numbers(session, list, &mut found.to_read).await?;
        // What is known to fail would take others along.
        let failing = gaps::left_out(session, list);
        let mut wanted = lookup::Wanted::new();
        for differing in &found.to_read {
            if let (Some(iid), Some(path)) = (differing.iid, session.path_of(differing.node))
                && !failing.contains(&(path.clone(), iid))
            {
                wanted.entry(path).or_default().insert(iid);
            }
        }
        lookup::add(session, list, &wanted, rows).await?;
        let gone = self.differs(list.stream, &mut found);
        let mut tallies = found.tallies(stream, rows);
        self.gone(list.stream, gone, &mut tallies, rows);
        Ok(tallies)
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
        let count = known.len() as u64;
        let said = format!("{} rows of it were read before, and stay", known.len());
        session.gap(GapReason::Absent, what.clone(), said.clone(), count);
        session.warn(self.scope, &what, &gitlab::Error::Absent(said).into());
        let mut live = Counted::default();
        known.iter().for_each(|row| live.add(row.id, row.updated_at));
        self.enter(stream, project, Told::Absent, live);
        Ok(())
    }
}

/// The ids and times of update of each project's list, if it fits a page: as little of each as tells a difference, of as
/// many projects as GitLab's score allows in one request.
async fn times_of(
    session: &Session<'_>,
    list: &'static List,
    ids: &[i64],
) -> Result<Vec<Result<Page, gitlab::Error>>, Error> {
    let counts = session
        .tables
        .counts(session.streams.named(list.stream), ids, false)
        .await?;
    let largest = list_request::first(session, list, ListKind::Times);
    let purpose = Purpose::new(list.stream, format!("TimesOf{}OfProjects", list.operation));
    let of_project = |id: i64, first: u32| {
        Connection::new(Owner::Project(id), list.field)
            .first(first)
            .without_end()
            .nodes(Selection::parse("id updatedAt"))
    };
    let firsts = ids.iter().map(|id| first_for(counts.get(id).copied(), largest));
    let lists = ids.iter().zip(firsts.clone()).map(|(id, first)| of_project(*id, first));
    let mut pages = gitlab::fetch(session.client, &purpose, lists.collect()).await?;
    // Those with more than was thought.
    let is_short = |page: &Result<Page, gitlab::Error>| page.as_ref().is_ok_and(|page| page.has_next);
    let short = pages.iter().zip(firsts).enumerate();
    let short: Vec<usize> = short
        .filter_map(|(place, (page, first))| (is_short(page) && first < largest).then_some(place))
        .collect();
    let lists = short.iter().map(|place| of_project(ids[*place], largest));
    let whole = gitlab::fetch(session.client, &purpose, lists.collect()).await?;
    for (place, page) in short.into_iter().zip(whole) {
        pages[place] = page;
    }
    for (id, page) in ids.iter().zip(&mut pages) {
        let nodes = page.iter_mut().flat_map(|page| &mut page.nodes);
        nodes.for_each(|node| node["projectId"] = json!(id));
    }
    Ok(pages)
}

/// Asks for the numbers of rows of which only ids are known.
async fn add_numbers(
    session: &Session<'_>,
    list: &'static List,
    differing: &mut [Differing<'_>],
) -> Result<(), gitlab::Error> {
    let unnumbered = differing.iter_mut().filter(|row| row.iid.is_none());
    let mut unnumbered: Vec<_> = unnumbered
        .filter_map(|row| Some((Node::new(row.node).number("id")?, row)))
        .collect();
    let lists = unnumbered.iter().map(|(id, _)| {
        let owner = Owner::Row(list.kind, *id);
        Connection::of_owner(owner).beside(Selection::parse("id iid"))
    });
    let purpose = Purpose::new(list.stream, format!("NumbersOf{}", list.operation));
    let pages = gitlab::fetch(session.client, &purpose, lists.collect()).await?;
    for ((_, row), page) in unnumbered.iter_mut().zip(pages) {
        row.iid = page.ok().and_then(|page| page.owner["iid"].as_str()?.parse().ok());
    }
    Ok(())
}

/// The ids of a stretch of a list, and where it ends: all that was created before is among them. GitLab
/// prints whole seconds, so a stretch ends between two of them.
async fn stretch(
    session: &Session<'_>,
    list: &'static List,
    kind: ListKind,
    owner: Owner,
    from: Option<OffsetDateTime>,
) -> Result<(Page, Option<OffsetDateTime>), gitlab::Error> {
    let mut bounds = PageBounds {
        from,
        ..PageBounds::default()
    };
    let mut found = Page::default();
    for pages in 1.. {
        let (page, read_until) = fetch(session, list, kind, owner.clone(), &bounds).await?;
        bounds.from = read_until.or(bounds.from);
        found.append(page);
        bounds.after.clone_from(&found.end);
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
