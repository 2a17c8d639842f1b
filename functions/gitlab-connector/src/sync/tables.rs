//! Creates the raw tables under the lease, and reads the committed cursors.

use std::sync::atomic::Ordering;

use mergemind_shared::warehouse::{Commit, Cursor, CursorMove, mark_after};

use crate::streams::{Read, Streams};
use crate::sync::error::Error;
use crate::sync::pass::Pass;
use crate::sync::resources::{Ready, Resources};
use crate::sync::state::{Cursors, PassState, STREAMS};
use crate::sync::whose;

/// The positions that earlier syncs have committed. What this process commits from now on is marked after all that they
/// name.
///
/// # Errors
/// If the warehouse still fails after retries.
async fn committed(inner: &Resources) -> Result<Cursors, Error> {
    Ok(by_stream(inner.warehouse.cursors().await?))
}

/// Positions by stream and scope. What this process commits from now on is marked after all that they name.
pub fn by_stream(cursors: Vec<Cursor>) -> Cursors {
    let cursors = cursors.into_iter();
    let cursors: Cursors = cursors
        .map(|cursor| ((cursor.stream, cursor.scope), cursor.cursor))
        .collect();
    let of_rest = cursors
        .iter()
        .filter(|((stream, _), _)| stream == Pass::RestStreams.stream());
    let states = of_rest.map(|(_, cursor)| PassState::read(Pass::RestStreams, Some(cursor)));
    if let Some(newest) = states.filter_map(|state| state.newest_mark()).max() {
        mark_after(newest);
    }
    cursors
}

/// Makes the raw tables: once in a process, and again after one was missing.
///
/// # Errors
/// If the warehouse still fails after retries.
pub async fn prepare_tables(inner: &Resources) -> Result<(), Error> {
    let Ready(ready, forgotten) = &inner.tables_ready;
    let mut ready = ready.lock().await;
    if forgotten.swap(false, Ordering::SeqCst) {
        *ready = false;
    }
    if !*ready {
        ensure_tables(inner).await?;
        *ready = true;
    }
    Ok(())
}

async fn ensure_tables(inner: &Resources) -> Result<(), Error> {
    let mut tables: Vec<_> = inner
        .streams
        .all()
        .filter(|stream| stream.usual || inner.config.options.on(stream.name()))
        .map(|stream| &stream.table)
        .collect();
    let Streams {
        rejected, ledger, gaps, ..
    } = &inner.streams;
    let meta = whose::table();
    tables.extend([rejected, ledger, gaps, &meta]);
    let diff = inner.warehouse.schema_diff(&tables).await?;
    let dropped: Vec<&str> = diff.dropped().collect();
    if !dropped.is_empty() {
        forget_past(inner, &dropped).await?;
    }
    Ok(inner.warehouse.make(diff).await?)
}

/// Lets streams whose tables are missing count as never read, so that the next sync reads their past again. Before
/// the tables are made: whoever dies in between does it again.
async fn forget_past(inner: &Resources, dropped: &[&str]) -> Result<(), Error> {
    // Users come with whatever refers to them.
    let all = inner
        .streams
        .all()
        .any(|stream| stream.read == Read::Referenced && dropped.contains(&stream.name()));
    for ((stream, scope), known) in committed(inner).await? {
        if stream != STREAMS {
            continue;
        }
        let left: Vec<&str> = known
            .split(',')
            .filter(|name| !all && !dropped.contains(name))
            .collect();
        let left = left.join(",");
        if left == known {
            continue;
        }
        tracing::warn!(scope, tables = ?dropped, "raw tables are missing; the next sync makes them anew, with their past");
        let cursor = CursorMove {
            stream,
            scope,
            from: Some(known),
            to: left,
            at: None,
        };
        let commit = Commit {
            cursor: Some(cursor),
            ..Commit::default()
        };
        inner.warehouse.commit(commit).await?;
    }
    Ok(())
}
