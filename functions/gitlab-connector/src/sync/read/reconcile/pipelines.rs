//! Compares pipelines: those that are gone are marked, and a project in which one differs is read again.

use std::collections::{BTreeMap, BTreeSet};

use mergemind_shared::warehouse::Within;
use serde_json::Value as Json;

use crate::gitlab::{self, Connection, Owner, Page, Purpose, Selection};
use crate::streams::{Node, pipelines};
use crate::sync::error::Error;
use crate::sync::gaps;
use crate::sync::read::pipelines::add_all_of;
use crate::sync::read::reconcile::compare::{difference, ids_left_out};
use crate::sync::read::reconcile::lists::first_for;
use crate::sync::read::reconcile::sweep::Comparison;
use crate::sync::rows::Rows;
use crate::sync::session::IDS;
use crate::sync::state::{PendingIds, Tally};

/// Pages of pipelines that were read.
#[derive(Default)]
struct PipelinePages {
    /// Each with its project's id and path.
    nodes: Vec<(i64, String, Json)>,
    left_out: Vec<i64>,
    /// Of each project the ids between which the page has all.
    ranges: Vec<(i64, i64, i64)>,
    /// Projects with more pages.
    further: Vec<PendingIds>,
    /// Projects without, and what the pages before held.
    ended: Vec<(i64, Tally)>,
}

impl<'a> Comparison<'_, 'a> {
    /// Compares some pages of pipelines, and returns what is left: GitLab lists them by descending id.
    ///
    /// # Errors
    /// If GitLab or the warehouse still fails after retries; nothing is marked as deleted then.
    pub async fn compare_pipelines(
        &mut self,
        mut pending: Vec<PendingIds>,
        rows: &mut Rows<'a>,
    ) -> Result<Vec<PendingIds>, Error> {
        let session = self.session;
        let stream = session.streams.named(pipelines::NAME);
        let now: Vec<PendingIds> = pending.drain(..pending.len().min(self.at_once())).collect();
        let mut found = self.pages_of_pipelines(now).await?;
        let nodes: Vec<(i64, &Json)> = found.nodes.iter().map(|(id, _, node)| (*id, node)).collect();
        let bounds = [Within::IdsOf("project_id", found.ranges)];
        let mut difference = difference(session, stream, &bounds, &nodes, &found.left_out).await?;
        let paths: BTreeMap<i64, &String> = found.nodes.iter().map(|(id, path, _)| (*id, path)).collect();
        let mut differing: BTreeSet<i64> = difference.to_read.iter().map(|row| row.project).collect();
        let lacking = gaps::pipelines_without_a_field(session).await?;
        let ids = nodes
            .iter()
            .map(|(project, node)| (project, Node::new(node).number("id")));
        differing.extend(ids.filter_map(|(project, id)| lacking.contains(&id?).then_some(*project)));
        for id in differing {
            add_all_of(session, self.scope, paths[&id], rows).await?;
        }
        let gone = self.differs(stream.name(), &mut difference);
        let mut tallies = difference.tallies(stream, rows);
        self.gone(stream.name(), gone, &mut tallies, rows);
        let of_pages = |id: i64| tallies.get(&id).copied().unwrap_or_default();
        for list in &mut found.further {
            list.tally.add(list.project.map(of_pages).unwrap_or_default());
        }
        for (project, mut tally) in found.ended {
            tally.add(of_pages(project));
            self.compared(stream.name(), project, tally);
        }
        pending.extend(found.further);
        if pending.is_empty() {
            self.settle(stream.name(), rows);
        }
        Ok(pending)
    }

    /// The next page of each of these projects.
    async fn pages_of_pipelines(&mut self, now: Vec<PendingIds>) -> Result<PipelinePages, Error> {
        let (session, scope) = (self.session, self.scope);
        let stream = session.streams.named(pipelines::NAME);
        let ask = stream.fingerprint.map_or("", |fingerprint| fingerprint.ask);
        let compared = match session.is_comparing() {
            true => Selection::parse("id updatedAt"),
            false => Selection::parse(&format!("id updatedAt {ask}")),
        };
        let first = self.first_of(&now).await?;
        let of_project = |list: &PendingIds, first: u32| {
            let by_path = || Owner::ProjectAt(list.path.clone());
            Connection::new(list.project.map_or_else(by_path, Owner::Project), pipelines::LIST)
                .first(first)
                .after(list.after.clone())
                .nodes(compared.clone())
        };
        let largest = session.page(IDS);
        let is_short = |list: &PendingIds| first(list) < largest;
        let lists = now.iter().map(|list| match is_short(list) {
            true => of_project(list, first(list)).without_end(),
            false => of_project(list, largest),
        });
        let purpose = Purpose::new(pipelines::NAME, "IdsOfPipelines");
        let mut pages = gitlab::fetch(session.client, &purpose, lists.collect()).await?;
        // Those with more than was thought.
        let has_more = |page: &Result<Page, gitlab::Error>| page.as_ref().is_ok_and(|page| page.has_next);
        let pairs = now.iter().zip(&pages).enumerate();
        let again: Vec<usize> = pairs
            .filter_map(|(place, (list, page))| (is_short(list) && has_more(page)).then_some(place))
            .collect();
        let lists = again.iter().map(|place| of_project(&now[*place], largest));
        let whole = gitlab::fetch(session.client, &purpose, lists.collect()).await?;
        for (place, page) in again.into_iter().zip(whole) {
            pages[place] = page;
        }
        let mut found = PipelinePages::default();
        for (list, page) in now.into_iter().zip(pages) {
            let page = match page {
                Ok(page) => page,
                Err(gitlab::Error::ScopeNotFound(_)) => continue,
                Err(error) => {
                    self.break_off(&list, error);
                    continue;
                }
            };
            session.warn_left_out(scope, &page.left_out);
            let Some(id) = Node::new(&page.owner).number("id") else {
                continue;
            };
            if page.is_null {
                self.not_offered(stream.name(), id).await?;
                continue;
            }
            let shown = page.nodes.iter().filter_map(|node| Node::new(node).number("id"));
            // What GitLab fails at is there.
            let lowest = shown.chain(ids_left_out(&page)).min();
            found.left_out.extend(ids_left_out(&page));
            let more = page.next();
            let from = if page.has_next { lowest.unwrap_or(i64::MAX) } else { 0 };
            let is_dead_end = page.is_dead_end();
            let until = list.below.map_or(i64::MAX, |below| below - 1);
            found.ranges.push((id, from, until));
            let of_path = |node| (id, list.path.clone(), node);
            found.nodes.extend(page.nodes.into_iter().map(of_path));
            match more {
                Some(_) => found.further.push(PendingIds {
                    after: more,
                    below: lowest.or(list.below),
                    project: Some(id),
                    ..list
                }),
                None if is_dead_end => self.break_off(&list, gitlab::Error::dead_end()),
                None => found.ended.push((id, list.tally)),
            }
        }
        Ok(found)
    }

    /// How many pipelines to ask for of each list: few where somebody waits and the raw table has few.
    async fn first_of(&self, lists: &[PendingIds]) -> Result<impl Fn(&PendingIds) -> u32 + use<>, Error> {
        let (session, largest) = (self.session, self.session.page(IDS));
        let ids: Vec<i64> = lists.iter().filter_map(|list| list.project).collect();
        let stream = session.streams.named(pipelines::NAME);
        let counts = match session.is_comparing() {
            true => Some(session.tables.counts(stream, &ids, false).await?),
            false => None,
        };
        Ok(move |list: &PendingIds| match (&counts, list.project, &list.after) {
            (Some(counts), Some(id), None) => first_for(counts.get(&id).copied(), largest),
            _ => largest,
        })
    }

    /// The rest of a list can't be read: what seemed gone of it is not marked, because the list is not known whole.
    fn break_off(&mut self, list: &PendingIds, error: gitlab::Error) {
        let what = format!("looking for pipelines that are gone in {}", list.path);
        self.session.warn(self.scope, &what, &error.into());
        if let Some(project) = list.project {
            self.sweep.gone.remove(&project);
        }
    }
}
