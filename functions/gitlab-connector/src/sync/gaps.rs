//! What could not be read: it is tried again, and is no gap any more once it has come.

use std::collections::HashSet;

use crate::gitlab;
use crate::ledger::{Gap, GapReason, place_of};
use crate::streams::pipelines;
use crate::sync::bookkeeping::read;
use crate::sync::error::Error;
use crate::sync::list::{ISSUES, List, MERGE_REQUESTS};
use crate::sync::lock::lock;
use crate::sync::read::lookup::{self, Wanted};
use crate::sync::rows::{CutText, Rows};
use crate::sync::session::Session;

/// Rows that are tried again in one sync, those first that were tried least lately.
const MOST_RETRIED: usize = 50;

/// A look at a whole scope that began at `started_at` has ended: what it has not met is no gap any more, but for rows, which
/// [`retry`] asks for: a look at ids does not meet a row of which only a field is missing.
///
/// # Errors
/// If the ledger can't be read.
pub async fn close_unmet(session: &Session<'_>, started_at: i64) -> Result<(), Error> {
    read(session).await?;
    let known = lock(&session.ledger);
    let mut news = lock(&session.news);
    // Labels and milestones are read at times of their own.
    let slow = i64::try_from(session.options.dimensions_every.as_micros()).unwrap_or(i64::MAX);
    let is_met = |gap: &Gap| {
        let own = ["Label/", "Milestone/", "Group/"]
            .iter()
            .any(|kind| gap.address.contains(kind));
        gap.seen_at >= started_at.saturating_sub(if own { slow } else { 0 })
            || news.gaps.iter().any(|new| new.id() == gap.id())
    };
    // Lists are read at times of their own, too.
    let is_list = |gap: &Gap| {
        let stream = gap.address.split(':').next().unwrap_or_default();
        gap.reason == GapReason::Unread && session.on(stream)
    };
    let gaps = known.iter().flat_map(|known| known.gaps.values());
    let unmet: Vec<i64> = gaps
        .filter(|gap| {
            gap.scope == news.scope
                && gap.row_of().is_none()
                && !is_met(gap)
                && !is_list(gap)
                && gap.reason != GapReason::Cut
        })
        .map(Gap::id)
        .collect();
    news.closed.extend(unmet);
    Ok(())
}

/// The ids of pipelines of which a field could not be read: a look at ids does not meet it.
///
/// # Errors
/// If the ledger can't be read.
pub async fn pipelines_without_a_field(session: &Session<'_>) -> Result<HashSet<i64>, Error> {
    read(session).await?;
    let known = lock(&session.ledger);
    let gaps = known.iter().flat_map(|known| known.gaps.values());
    let fields = gaps.filter(|gap| gap.reason == GapReason::LeftOut && gap.address.contains(' '));
    let ids = fields.filter_map(|gap| gap.address.split_once("/Ci::Pipeline/")?.1.parse().ok());
    Ok(ids.collect())
}

/// Reads the ledger, and has little time spent with what it knows to fail.
///
/// # Errors
/// If the warehouse can't be asked.
pub async fn expect_failures(session: &Session<'_>) -> Result<(), Error> {
    read(session).await?;
    let (known, news) = (lock(&session.ledger), lock(&session.news));
    let gaps = known.iter().flat_map(|known| known.gaps.values());
    let failing = gaps.filter(|gap| gap.reason == GapReason::LeftOut && gap.scope == news.scope);
    session.client.expect_failures(failing.flat_map(streams_of).collect());
    Ok(())
}

/// The streams whose requests meet a row at which GitLab fails.
fn streams_of(gap: &Gap) -> Vec<&'static str> {
    let holds = |kind: &str| gap.address.contains(kind);
    match gap.row_of() {
        Some((_, _, kind)) => vec![kind],
        None if holds("Note/") => vec![MERGE_REQUESTS.stream, ISSUES.stream, MERGE_REQUESTS.notes, ISSUES.notes],
        None if holds("Ci::Pipeline/") => vec![pipelines::NAME],
        None => Vec::new(),
    }
}

/// The places of merge requests or issues of which a whole row is left out: they are tried again by [`retry`] alone.
///
/// # Errors
/// If the warehouse can't be asked.
pub fn left_out(session: &Session<'_>, list: &List) -> HashSet<(String, i64)> {
    let known = lock(&session.ledger);
    let gaps = known.iter().flat_map(|known| known.gaps.values());
    let rows = gaps.filter(|gap| gap.reason == GapReason::LeftOut && gap.is_of_row());
    let places = rows.filter_map(Gap::row_of);
    places
        .filter_map(|(path, iid, kind)| (kind == list.stream).then_some((path, iid)))
        .collect()
}

/// A list of the REST API was read.
pub fn close_list(session: &Session<'_>, address: &str) {
    let known = lock(&session.ledger);
    let mut gaps = known.iter().flat_map(|known| known.gaps.values());
    if let Some(gap) = gaps.find(|gap| gap.reason == GapReason::Unread && gap.address == address) {
        lock(&session.news).closed.push(gap.id());
    }
}

/// Rows are about to be written whose texts were cut before, and are not now.
pub fn close_cut(session: &Session<'_>, rows: &Rows<'_>, cut: &[CutText]) {
    let known = lock(&session.ledger);
    let gaps = known.iter().flat_map(|known| known.gaps.values());
    let gaps: Vec<&Gap> = gaps.filter(|gap| gap.reason == GapReason::Cut).collect();
    let addresses: Vec<&str> = gaps.iter().map(|gap| gap.address.as_str()).collect();
    let whole = rows.whole_again(session.streams, &addresses, cut);
    let closed = gaps.iter().filter(|gap| whole.contains(&gap.address.as_str()));
    lock(&session.news).closed.extend(closed.map(|gap| gap.id()));
}

/// Tries the rows again that earlier syncs had to leave out, the longer they fail the more rarely; those that have come,
/// or that GitLab no longer shows, are no gaps any more. The others are named again.
///
/// # Errors
/// If GitLab or the warehouse can't be asked.
pub async fn retry<'a>(session: &Session<'a>, rows: &mut Rows<'a>) -> Result<(), Error> {
    read(session).await?;
    let (mut open, mut waiting): (Vec<Gap>, Vec<Gap>) = {
        let (known, news) = (lock(&session.ledger), lock(&session.news));
        let gaps = known.iter().flat_map(|known| known.gaps.values());
        let of_rows = gaps.filter(|gap| gap.reason == GapReason::LeftOut && gap.row_of().is_some());
        let of_scope = of_rows.filter(|gap| gap.scope == news.scope && gap.seen_at < session.now());
        of_scope
            .cloned()
            .partition(|gap| session.is_due(gap.since, gap.seen_at))
    };
    open.sort_by_key(|gap| (gap.seen_at, gap.id()));
    waiting.extend(open.split_off(open.len().min(MOST_RETRIED)));
    for gap in waiting {
        let scope = gap.scope;
        session.warn(&scope, &gap.address, &gitlab::Error::LeftOut(gap.message).into());
    }
    for list in [&MERGE_REQUESTS, &ISSUES] {
        let places = open.iter().filter_map(|gap| Some((gap, gap.row_of()?)));
        let of_list: Vec<_> = places.filter(|(_, (_, _, kind))| *kind == list.stream).collect();
        if of_list.is_empty() || !session.on(list.stream) {
            continue;
        }
        let mut wanted = Wanted::new();
        for (_, (path, iid, _)) in &of_list {
            wanted.entry(path.clone()).or_default().insert(*iid);
        }
        // What is not a gap is a list that could not be read: it says nothing about its rows.
        let other_warnings = || {
            lock(&session.warnings)
                .len()
                .saturating_sub(lock(&session.news).gaps.len())
        };
        let before = other_warnings();
        lookup::add(session, list, &wanted, rows).await?;
        let are_all_told = other_warnings() == before;
        let come: Vec<_> = rows
            .addresses(session.streams.named(list.stream))
            .into_iter()
            .filter_map(place_of)
            .collect();
        let mut news = lock(&session.news);
        let failed: Vec<i64> = news.gaps.iter().map(Gap::id).collect();
        let closed = of_list
            .iter()
            .filter(|(gap, place)| (are_all_told || come.contains(place)) && !failed.contains(&gap.id()))
            .map(|(gap, _)| gap.id());
        news.closed.extend(closed);
    }
    Ok(())
}
