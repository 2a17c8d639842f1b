//! A checkpoint: what the rows of a step only refer to is read, and all of it is committed with the cursor.

use std::sync::atomic::Ordering;

use mergemind_shared::warehouse::{Commit, CursorMove, Mark, Written};

use crate::ledger::GapReason;
use crate::sync::dbt_due;
use crate::sync::dbt_due::DBT;
use crate::sync::error::Error;
use crate::sync::lock::lock;
use crate::sync::read::{notes, users};
use crate::sync::report::ScopeProblem;
use crate::sync::rows::Rows;
use crate::sync::session::Session;
use crate::sync::{bookkeeping, gaps};

/// Reads what the rows of a step only refer to, writes all, and moves the cursor, in one transaction.
///
/// # Errors
/// If GitLab can't be asked for what the rows refer to, or the warehouse does not take them; then nothing of it is there.
pub async fn commit<'a>(session: &Session<'a>, mut rows: Rows<'a>, cursor: Option<CursorMove>) -> Result<(), Error> {
    session.reads.hold(notes::add(session, &mut rows)).await?;
    session.reads.hold(users::add(session, &mut rows)).await?;
    let cut = rows.fit(session.streams);
    gaps::close_cut(session, &rows, &cut);
    for text in cut {
        let (table, message) = (text.table, text.message());
        tracing::warn!(table, "{message}");
        let scope = lock(&session.news).scope.clone();
        session.gap(GapReason::Cut, text.address(), message.clone(), 0);
        lock(&session.warnings).push(ScopeProblem::cut(&scope, table, message));
    }
    let users_asked = std::mem::take(&mut rows.users_asked);
    let (batches, soft_deletes) = rows.into_batches(session.streams);
    let read: Vec<(&'static str, usize)> = batches.iter().map(|b| (b.table.name, b.rows.len())).collect();
    let deleted_from: Vec<&'static str> = soft_deletes.iter().map(|soft_delete| soft_delete.table.name).collect();
    let commit = Commit {
        batches,
        soft_deletes,
        cursor,
        mark: (!session.dbt_due.load(Ordering::Relaxed)).then(|| Mark {
            stream: DBT.into(),
            cursor: dbt_due::flag_of(&session.sync_id),
        }),
        lease: session.lease.clone(),
    };
    lock(&session.changed_rows).add(&commit.batches);
    let written = session.tables.commit(commit).await?;
    lock(&session.known_users).extend(users_asked);
    count(session, read, deleted_from, &written);
    bookkeeping::write_some(session).await
}

/// Counts what was written, and notes that dbt has to run if anything was.
fn count(session: &Session<'_>, read: Vec<(&'static str, usize)>, deleted_from: Vec<&'static str>, written: &Written) {
    let mut counters = lock(&session.counters);
    for ((table, read), written) in read.into_iter().zip(&written.batches) {
        counters.add(table, read as u64, *written);
    }
    for (table, written) in deleted_from.into_iter().zip(&written.soft_deletes) {
        counters.add(table, 0, *written);
    }
    if counters.written() > 0 {
        session.dbt_due.store(true, Ordering::Relaxed);
    }
}
