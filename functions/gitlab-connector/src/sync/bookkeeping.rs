//! Keeps the ledger: what the parts of a sync have found is written after what it tells of is committed.

use std::collections::{BTreeMap, HashMap};

use futures::future::try_join_all;
use mergemind_shared::warehouse::{Commit, Row, SoftDelete, Table, TableRows, Within};

use crate::ledger::{Counted, Entry, Gap, Told};
use crate::streams::{Of, PROJECT, Read, Stream, ToldBy};
use crate::sync::error::Error;
use crate::sync::lock::lock;
use crate::sync::raw_tables::RowKey;
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
    if is_urgent {
        write_news(session, Vec::new()).await
    } else {
        Ok(())
    }
}

/// Writes all that was found, once a scope's passes have ended: only then all that belongs to its rows is there.
///
/// # Errors
/// If the warehouse does not take it.
pub async fn write(session: &Session<'_>) -> Result<(), Error> {
    let compared = std::mem::take(&mut lock(&session.news).compared);
    write_news(session, compared).await
}

/// Writes what was found so far, and of these projects what belongs to their rows.
async fn write_news(session: &Session<'_>, compared: Vec<i64>) -> Result<(), Error> {
    let mut news = {
        let mut news = lock(&session.news);
        let kept = News {
            scope: news.scope.clone(),
            compared: std::mem::take(&mut news.compared),
            ..News::default()
        };
        std::mem::replace(&mut *news, kept)
    };
    count_live(session, &mut news.whole).await?;
    news.entries.append(&mut news.whole);
    if news.entries.is_empty()
        && compared.is_empty()
        && news.gaps.is_empty()
        && news.gaps.is_empty()
        && news.closed.is_empty()
        && news.ended.is_empty()
    {
        return Ok(());
    }
    read(session).await?;
    count_deleted(session, &mut news.entries).await?;
    news.entries.extend(belonging(session, &compared).await?);
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
    let by_number = |entry: &Entry| match session.streams.named(&entry.stream).told_by {
        // GitLab counts also what the token may not see.
        Some(ToldBy::Number(_) | ToldBy::ByPeople(_)) => true,
        Some(ToldBy::Ids(..)) | None => false,
    };
    for entry in &news.entries {
        if entry.is_equal() == Some(false) && !by_number(entry) && session.now() - entry.since >= LONG {
            tracing::error!(
                event = "project_incomplete",
                project = entry.path,
                stream = entry.stream,
                gitlab = entry.gitlab.rows().map(|counted| counted.rows),
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

/// A list of a project was read whole: it has these rows. What the raw table has is counted when the entry is written.
pub fn enter_whole(session: &Session<'_>, stream: &Stream, project: i64, rows: Counted) {
    let entry = entry(session, stream.name(), project, Told::Rows(rows));
    lock(&session.news).whole.push(entry);
}

/// An entry of now.
fn entry(session: &Session<'_>, stream: &str, project: i64, gitlab: Told) -> Entry {
    let now = session.now();
    Entry {
        project,
        stream: stream.to_owned(),
        path: lock(&session.paths).get(&project).cloned().unwrap_or_default(),
        gitlab,
        live: Counted::default(),
        deleted: 0,
        since: now,
        looked_at: now,
    }
}

/// Counts the raw tables' rows.
async fn count_live(session: &Session<'_>, entries: &mut [Entry]) -> Result<(), Error> {
    let of_streams = by_stream(session, entries);
    let of_stream = |(stream, projects)| async move {
        let keys = session.tables.keys(stream, projects).await?;
        Ok::<_, Error>((stream.name(), keys))
    };
    let questions = of_streams
        .iter()
        .map(|(stream, projects)| of_stream((*stream, projects)));
    let mut live: HashMap<(&str, i64), Counted> = HashMap::new();
    for (stream, keys) in try_join_all(questions).await? {
        for RowKey {
            project,
            key,
            updated_at,
            ..
        } in keys
        {
            live.entry((stream, project)).or_default().add_key(&key, updated_at);
        }
    }
    for entry in entries {
        let place = (entry.stream.as_str(), entry.project);
        entry.live = live.get(&place).copied().unwrap_or_default();
    }
    Ok(())
}

/// Counts those that are marked as deleted.
async fn count_deleted(session: &Session<'_>, entries: &mut [Entry]) -> Result<(), Error> {
    let of_streams = by_stream(session, entries);
    let of_stream = |(stream, projects)| async move {
        let counts = session.tables.counts(stream, projects, true).await?;
        Ok::<_, Error>((stream.name(), counts))
    };
    let questions = of_streams
        .iter()
        .map(|(stream, projects)| of_stream((*stream, projects)));
    let counts: HashMap<&str, HashMap<i64, u64>> = try_join_all(questions).await?.into_iter().collect();
    for entry in entries {
        let of_stream = counts.get(entry.stream.as_str());
        let counted = of_stream.and_then(|counts| counts.get(&entry.project));
        entry.deleted = counted.copied().unwrap_or_default();
    }
    Ok(())
}

/// The projects of which there are entries, by stream.
fn by_stream<'a>(session: &Session<'a>, entries: &[Entry]) -> Vec<(&'a Stream, Vec<i64>)> {
    let mut of_streams: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for entry in entries {
        of_streams.entry(&entry.stream).or_default().push(entry.project);
    }
    let known = of_streams.into_iter();
    known
        .map(|(name, projects)| (session.streams.named(name), projects))
        .collect()
}

/// What these projects have of streams that are neither compared with GitLab nor read whole at once.
async fn belonging(session: &Session<'_>, projects: &[i64]) -> Result<Vec<Entry>, Error> {
    let is_counted_elsewhere = |stream: &Stream| match stream.read {
        Read::Changes(_) | Read::Snapshot | Read::Owned(_) | Read::Referenced => true,
        Read::Rest(rest) => rest.of == Of::Project && rest.part.is_none(),
        Read::Within { .. } | Read::Notes { .. } => false,
    };
    let on = |stream: &&Stream| session.on(stream.name()) && stream.table.position(PROJECT).is_some();
    let streams: Vec<&Stream> = session
        .streams
        .all()
        .filter(on)
        .filter(|stream| !is_counted_elsewhere(stream))
        .collect();
    let mut entries = Vec::new();
    for projects in projects.chunks(TOGETHER) {
        let found = session.tables.belonging(session.streams, &streams, projects).await?;
        entries.extend(found.into_iter().map(|((stream, project), of_project)| Entry {
            live: of_project.live,
            deleted: of_project.deleted,
            ..entry(session, stream, project, of_project.told)
        }));
    }
    Ok(entries)
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
