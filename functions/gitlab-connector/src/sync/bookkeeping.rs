//! Keeps the ledger: what the parts of a sync have found is written after what it tells of is committed.

use mergemind_shared::warehouse::{Commit, Row, SoftDelete, Table, TableRows, Within};

use crate::ledger::{Counted, Entry, Gap};
use crate::streams::Stream;
use crate::sync::error::Error;
use crate::sync::lock::lock;
use crate::sync::session::{Ledger, News, Session};

/// Entries that are written together: each commit takes BigQuery seconds.
const TOGETHER: usize = 1000;
/// After so long a project that is not equal is one that somebody has to look at, in microseconds.
const LONG: i64 = 2 * 86_400_000_000;

/// Writes what is urgent: what could not be read, and many entries.
///
/// # Errors
/// If the warehouse does not take it.
pub async fn write_some(session: &Session<'_>) -> Result<(), Error> {
    let is_urgent = {
        let news = lock(&session.news);
        !news.gaps.is_empty() || news.entries.len() + news.whole.len() >= TOGETHER
    };
    if is_urgent { write(session).await } else { Ok(()) }
}

/// Writes all that was found so far.
///
/// # Errors
/// If the warehouse does not take it.
pub async fn write(session: &Session<'_>) -> Result<(), Error> {
    let mut news = {
        let mut news = lock(&session.news);
        let scope = news.scope.clone();
        std::mem::replace(
            &mut *news,
            News {
                scope,
                ..News::default()
            },
        )
    };
    if !news.whole.is_empty() {
        count(session, &mut news.whole, false).await?;
        let whole = std::mem::take(&mut news.whole);
        news.entries.extend(whole);
    }
    if news.entries.is_empty() && news.gaps.is_empty() && news.closed.is_empty() && news.ended.is_empty() {
        return Ok(());
    }
    read(session).await?;
    count(session, &mut news.entries, true).await?;
    let commit = {
        let mut known = lock(&session.ledger);
        let known = known.get_or_insert_default();
        date(&mut news, known);
        let streams = session.streams;
        let (entries, gaps) = (news.entries.iter().map(Entry::row), news.gaps.iter().map(Gap::row));
        Commit {
            batches: vec![
                batch(&streams.ledger, entries.collect()),
                batch(&streams.gaps, gaps.collect()),
            ],
            soft_deletes: vec![
                ended(&streams.gaps, "id", &news.closed),
                ended(&streams.ledger, "project_id", &news.ended),
            ],
            lease: session.lease.clone(),
            ..Commit::default()
        }
    };
    let commit = without_nothing(commit);
    session.tables.commit(commit).await?;
    for entry in news.entries.iter().filter(|entry| !entry.is_equal()) {
        if session.now() - entry.since >= LONG {
            tracing::error!(
                event = "project_incomplete",
                project = entry.path,
                stream = entry.stream,
                gitlab = entry.gitlab.map(|counted| counted.rows),
                live = entry.live.rows,
                "a project has not been equal to GitLab for two days; see _ledger and _ledger_gaps"
            );
        }
    }
    Ok(())
}

/// Sets since when each is so, and keeps what the ledger says from now on.
fn date(news: &mut News, known: &mut Ledger) {
    for entry in &mut news.entries {
        let key = (entry.project, entry.stream.clone());
        if let Some(before) = known
            .entries
            .get(&key)
            .filter(|before| before.is_equal() == entry.is_equal())
        {
            entry.since = before.since;
        }
        known.entries.insert(key, entry.clone());
    }
    for gap in &mut news.gaps {
        if let Some(before) = known.gaps.get(&gap.id()) {
            gap.since = before.since;
        }
        known.gaps.insert(gap.id(), gap.clone());
    }
    known.gaps.retain(|id, _| !news.closed.contains(id));
    known.entries.retain(|(project, _), _| !news.ended.contains(project));
}

/// Reads the ledger, once in a sync.
///
/// # Errors
/// If the warehouse can't be asked.
pub async fn read(session: &Session<'_>) -> Result<(), Error> {
    if lock(&session.ledger).is_some() {
        return Ok(());
    }
    let (entries, gaps) = futures::try_join!(
        session.tables.rows_of(&session.streams.ledger),
        session.tables.rows_of(&session.streams.gaps)
    )?;
    let entries = entries.iter().map(Entry::of);
    let gaps = gaps.iter().map(Gap::of);
    *lock(&session.ledger) = Some(Ledger {
        entries: entries
            .map(|entry| ((entry.project, entry.stream.clone()), entry))
            .collect(),
        gaps: gaps.map(|gap| (gap.id(), gap)).collect(),
    });
    Ok(())
}

/// All rows of a list of the REST API that belongs to a project were read: so many. How many there are then in the raw
/// table is counted when they are written.
pub fn enter_whole(session: &Session<'_>, stream: &Stream, project: i64, rows: u64) {
    let now = session.now();
    lock(&session.news).whole.push(Entry {
        project,
        stream: stream.name().to_owned(),
        path: lock(&session.paths).get(&project).cloned().unwrap_or_default(),
        gitlab: Some(Counted { rows, sum: 0 }),
        live: Counted::default(),
        deleted: 0,
        since: now,
        looked_at: now,
    });
}

/// Counts the raw tables' rows that are marked as deleted, or those that are not.
async fn count(session: &Session<'_>, entries: &mut [Entry], deleted: bool) -> Result<(), Error> {
    let mut streams: Vec<String> = entries.iter().map(|entry| entry.stream.clone()).collect();
    streams.sort_unstable();
    streams.dedup();
    for name in streams {
        let stream = session.streams.named(&name);
        if stream.table.position("project_id").is_none() {
            continue;
        }
        let mut of_stream: Vec<&mut Entry> = entries.iter_mut().filter(|entry| entry.stream == name).collect();
        let projects: Vec<i64> = of_stream.iter().map(|entry| entry.project).collect();
        let counts = session.tables.counts(stream, &projects, deleted).await?;
        for entry in &mut of_stream {
            let counted = counts.get(&entry.project).copied().unwrap_or_default();
            match deleted {
                true => entry.deleted = counted,
                false => entry.live.rows = counted,
            }
        }
    }
    Ok(())
}

fn batch(table: &Table, rows: Vec<Row>) -> TableRows<'_> {
    TableRows {
        table,
        rows,
        complete_set: None,
    }
}

fn ended<'a>(table: &'a Table, column: &'static str, ids: &[i64]) -> SoftDelete<'a> {
    SoftDelete {
        table,
        within: vec![Within::OneOf(column, ids.to_vec())],
        present: Vec::new(),
    }
}

/// Leaves out statements that would do nothing.
fn without_nothing(mut commit: Commit<'_>) -> Commit<'_> {
    commit.batches.retain(|batch| !batch.rows.is_empty());
    let is_some = |within: &Within| !matches!(within, Within::OneOf(_, ids) if ids.is_empty());
    commit
        .soft_deletes
        .retain(|soft_delete| soft_delete.within.iter().all(is_some));
    commit
}
