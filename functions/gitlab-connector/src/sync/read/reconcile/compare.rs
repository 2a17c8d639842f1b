//! Compares what GitLab shows of a list with what the raw table has of it.

use std::collections::{BTreeMap, HashMap, HashSet};

use mergemind_shared::warehouse::Within;
use serde_json::Value as Json;
use time::OffsetDateTime;

use crate::gitlab::{Page, time_of};
use crate::ledger::Counted;
use crate::streams::{Node, Stream};
use crate::sync::error::Error;
use crate::sync::raw_tables::KnownRow;
use crate::sync::rows::Rows;
use crate::sync::session::Session;
use crate::sync::state::Tally;

/// What a comparison has found.
#[derive(Default)]
pub struct Difference<'n> {
    /// Rows that the table lacks, or has otherwise: those are known.
    pub to_read: Vec<Differing<'n>>,
    /// By project: rows that GitLab no longer shows.
    pub gone: BTreeMap<i64, (Vec<i64>, Counted)>,
    /// By project, without the rows that are to be read.
    tally: HashMap<i64, Tally>,
}

/// A row that the table has not as GitLab has it.
pub struct Differing<'n> {
    pub project: i64,
    pub node: &'n Json,
    /// Its number, where GitLab was asked for it.
    pub iid: Option<i64>,
    pub known: Option<KnownRow>,
}

/// Compares what is within these bounds: `nodes` are all that GitLab shows of it, each with its project, and `left_out`
/// are ids at which GitLab fails, so they are there.
///
/// # Errors
/// If the warehouse can't be asked.
pub async fn difference<'n>(
    session: &Session<'_>,
    stream: &Stream,
    within: &[Within],
    nodes: &[(i64, &'n Json)],
    left_out: &[i64],
) -> Result<Difference<'n>, Error> {
    let rows = session.tables.known(stream, within).await?.into_iter();
    let mut known: HashMap<i64, KnownRow> = rows.map(|row| (row.id, row)).collect();
    let mut found = Difference::default();
    let shown: HashSet<i64> = left_out.iter().copied().collect();
    for (project, node) in nodes {
        let Some(id) = Node::new(node).number("id") else {
            continue;
        };
        let known = known.remove(&id);
        let is_as_told = |known: &KnownRow| match session.is_comparing() {
            true => time_of(node, "updatedAt").map(micros) == Some(known.updated_at),
            false => known.fingerprint == stream.fingerprint_of(node),
        };
        let is_same = known
            .as_ref()
            .is_some_and(|known| known.project == *project && is_as_told(known));
        let start = session.options.start_date;
        let in_time = start.is_none_or(|start| time_of(node, "updatedAt").is_none_or(|at| at >= start));
        let tally = found.tally.entry(*project).or_default();
        match known {
            Some(known) if is_same || !in_time => {
                tally.shown.add(id, known.updated_at);
                tally.live.add(id, known.updated_at);
            }
            known if in_time => found.to_read.push(Differing {
                project: *project,
                node,
                iid: node["iid"].as_str().and_then(|iid| iid.parse().ok()),
                known,
            }),
            // It is from before START_DATE, and was never asked for.
            _ => {}
        }
    }
    for row in known.into_values() {
        found
            .tally
            .entry(row.project)
            .or_default()
            .live
            .add(row.id, row.updated_at);
        if !shown.contains(&row.id) {
            let (ids, counted) = found.gone.entry(row.project).or_default();
            ids.push(row.id);
            counted.add(row.id, row.updated_at);
        }
    }
    found.gone.values_mut().for_each(|(ids, _)| ids.sort_unstable());
    Ok(found)
}

impl Difference<'_> {
    /// What is in each project, now that `rows` hold what was to be read.
    pub fn tallies(self, stream: &Stream, rows: &Rows<'_>) -> HashMap<i64, Tally> {
        let mut tallies = self.tally;
        let read = match self.to_read.is_empty() {
            true => HashMap::new(),
            false => rows.updates(stream),
        };
        for Differing {
            project, node, known, ..
        } in self.to_read
        {
            let Some(id) = Node::new(node).number("id") else {
                continue;
            };
            let tally = tallies.entry(project).or_default();
            let told = time_of(node, "updatedAt").map(micros);
            // It may have changed once more since GitLab listed it.
            tally.shown.add(id, read.get(&id).copied().or(told).unwrap_or_default());
            if let Some(updated_at) = read.get(&id).copied().or(known.map(|known| known.updated_at)) {
                tally.live.add(id, updated_at);
            }
        }
        tallies
    }
}

/// Microseconds since 1970.
fn micros(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1000).unwrap_or(i64::MAX)
}

/// Ids of rows at which GitLab fails.
pub fn ids_left_out(page: &Page) -> impl Iterator<Item = i64> {
    page.left_out
        .iter()
        .filter_map(|left_out| Node::new(&left_out.row).number("id"))
}
