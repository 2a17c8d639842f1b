//! Compares what GitLab shows of a list with what the raw table has of it.

use std::collections::{BTreeMap, HashMap, HashSet};

use mergemind_shared::warehouse::Within;
use serde_json::Value as Json;

use crate::gitlab::{Page, time_of};
use crate::streams::{Node, Stream};
use crate::sync::error::Error;
use crate::sync::raw_tables::KnownRow;
use crate::sync::session::Session;
use crate::sync::state::Tally;

/// What a comparison has found.
#[derive(Default)]
pub struct Difference<'n> {
    /// Rows that the table lacks, or has otherwise.
    pub to_read: Vec<(i64, &'n Json)>,
    /// By project: rows that GitLab no longer shows.
    pub gone: BTreeMap<i64, Vec<i64>>,
    /// By project.
    pub tally: HashMap<i64, Tally>,
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
    let known: HashMap<i64, KnownRow> = session
        .tables
        .known(stream, within)
        .await?
        .into_iter()
        .map(|row| (row.id, row))
        .collect();
    let mut found = Difference::default();
    let mut shown: HashSet<i64> = left_out.iter().copied().collect();
    for (project, node) in nodes {
        let Some(id) = Node::new(node).number("id") else {
            continue;
        };
        shown.insert(id);
        found.tally.entry(*project).or_default().shown += 1;
        let is_same = known
            .get(&id)
            .is_some_and(|known| known.project == *project && known.fingerprint == stream.fingerprint_of(node));
        let start = session.options.start_date;
        let in_time = start.is_none_or(|start| time_of(node, "updatedAt").is_none_or(|at| at >= start));
        if in_time && !is_same {
            found.to_read.push((*project, node));
        }
    }
    for row in known.values() {
        found.tally.entry(row.project).or_default().live += 1;
        if !shown.contains(&row.id) {
            found.gone.entry(row.project).or_default().push(row.id);
        }
    }
    found.gone.values_mut().for_each(|ids| ids.sort_unstable());
    Ok(found)
}

/// Ids of rows at which GitLab fails.
pub fn ids_left_out(page: &Page) -> impl Iterator<Item = i64> {
    page.left_out
        .iter()
        .filter_map(|left_out| Node::new(&left_out.row).number("id"))
}
