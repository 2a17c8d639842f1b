//! What the history tells about runs, in the form in which this process tells about its own.

use mergemind_shared::warehouse::{Error, ResultRow};
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

use super::{History, tables};
use crate::request::Action;
use crate::run::{CalledBy, Counts, CountsView, Node, RunView, rfc3339, url_of};

/// How far apart the clocks of instances and BigQuery may be, in seconds.
const APART: i64 = 60;

/// A row, read by column names.
pub(super) struct Cells<'a>(pub(super) &'a ResultRow);

impl History {
    /// The last runs of all instances, the newest first, as `GET /runs` tells them.
    ///
    /// # Errors
    /// If BigQuery can't be asked.
    pub async fn last(&self, count: usize) -> Result<Vec<RunView>, Error> {
        self.make_ready().await?;
        let table = self.0.warehouse.name_of(tables::RUNS);
        let sql = format!(
            "SELECT run_id, status, action, source, callers, CAST(elapsed_s AS FLOAT64) AS elapsed_s, problem, nodes, failed, \
             FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%SZ', started_at) AS started_at \
             FROM {table} ORDER BY queued_at DESC LIMIT {count}"
        );
        let rows = self.0.warehouse.query(sql).await?;
        rows.iter()
            .map(|row| {
                let cells = Cells(row);
                let run_id = cells.text("run_id")?.unwrap_or_default();
                Ok(RunView {
                    url: Some(url_of(&run_id)),
                    run_id,
                    started_at: cells.text("started_at")?,
                    counts: Some(CountsView::Short {
                        total: cells.count("nodes")?,
                        error: cells.count("failed")?,
                    }),
                    ..cells.run()?
                })
            })
            .collect()
    }

    /// Ids of the last runs of an action that left results, the newest first.
    ///
    /// # Errors
    /// If BigQuery can't be asked.
    pub async fn last_of(&self, action: Action, count: usize) -> Result<Vec<String>, Error> {
        self.make_ready().await?;
        let sql = format!(
            "SELECT run_id FROM {} WHERE action = '{}' AND status IN ('success', 'warning') ORDER BY queued_at DESC LIMIT {count}",
            self.0.warehouse.name_of(tables::RUNS),
            action.name()
        );
        let rows = self.0.warehouse.query(sql).await?;
        rows.iter().map(|row| Ok(row.get("run_id")?)).collect()
    }

    /// All that is known about a run, as `GET /runs/{id}` tells it; `None` if it is in no history.
    ///
    /// # Errors
    /// If BigQuery can't be asked.
    pub async fn one(&self, run_id: &str) -> Result<Option<RunView>, Error> {
        // It comes from a caller. Ids hold the time, which spares BigQuery the months before.
        let Some((run_id, since)) = id_and_time(run_id) else {
            return Ok(None);
        };
        self.make_ready().await?;
        let table = self.0.warehouse.name_of(tables::RUNS);
        let time = |column: &str| format!("UNIX_MILLIS({column}) AS {column}");
        let list = |column: &str| format!("ARRAY_TO_STRING({column}, '\\n') AS {column}");
        let sql = format!(
            "SELECT status, action, source, {}, callers, {}, {}, {}, {}, CAST(elapsed_s AS FLOAT64) AS elapsed_s, \
             problem, dbt_version, project_version, instance \
             FROM {table} WHERE run_id = '{run_id}' AND queued_at >= TIMESTAMP '{since}'",
            list("called_by"),
            list("changed_tables"),
            list("selectors"),
            time("queued_at"),
            time("started_at"),
        );
        let rows = self.0.warehouse.query(sql).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let cells = Cells(row);
        let callers = cells.list("called_by")?;
        let callers = callers.iter().filter_map(|by| by.split_once(' '));
        let listed = |items: Vec<String>| Some(items).filter(|items| !items.is_empty());
        let mut view = RunView {
            url: Some(url_of(&run_id)),
            called_by: Some(
                callers
                    .map(|(caller, source)| CalledBy {
                        source: source.into(),
                        caller: caller.into(),
                    })
                    .collect(),
            ),
            queued_at: cells.time("queued_at")?,
            started_at: cells.time("started_at")?,
            dbt_version: Some(cells.text("dbt_version")?),
            instance: cells.text("instance")?,
            project_version: cells.text("project_version")?,
            changed_tables: listed(cells.list("changed_tables")?),
            selectors: listed(cells.list("selectors")?),
            ..cells.run()?
        };
        if view.elapsed_s.flatten().is_some() {
            let nodes = self.nodes_of(&run_id, &since).await?;
            view.counts = Some(CountsView::All(Counts::of(&nodes)));
            view.nodes = Some(nodes);
        }
        view.run_id = run_id;
        Ok(Some(view))
    }

    /// The nodes of a run that began after `since`.
    ///
    /// # Errors
    /// If BigQuery can't be asked.
    pub(super) async fn nodes_of(&self, run_id: &str, since: &str) -> Result<Vec<Node>, Error> {
        let table = self.0.warehouse.name_of(tables::NODES);
        let sql = format!(
            "SELECT node, name, type, status, CAST(elapsed_s AS FLOAT64) AS elapsed_s, CAST(started_s AS FLOAT64) AS started_s, \
             ARRAY_TO_STRING(waited_for, '\\n') AS waited_for, rows_affected, bytes, bytes_billed, slot_ms, \
             failures, severity, message, compiled_path \
             FROM {table} WHERE run_id = '{run_id}' AND run_started_at >= TIMESTAMP '{since}' ORDER BY started_s, node"
        );
        let rows = self.0.warehouse.query(sql).await?;
        rows.iter()
            .map(|row| {
                let cells = Cells(row);
                Ok(Node {
                    node: cells.text("node")?.unwrap_or_default(),
                    name: cells.text("name")?.unwrap_or_default(),
                    kind: cells.text("type")?.unwrap_or_default(),
                    status: cells.text("status")?.unwrap_or_default(),
                    elapsed_s: cells.float("elapsed_s")?.unwrap_or_default(),
                    rows: cells.int("rows_affected")?,
                    message: cells.text("message")?,
                    bytes: cells.int("bytes")?,
                    bytes_billed: cells.int("bytes_billed")?,
                    slot_ms: cells.int("slot_ms")?,
                    failures: cells.int("failures")?,
                    severity: cells.text("severity")?,
                    compiled_path: cells.text("compiled_path")?,
                    started_s: cells.float("started_s")?,
                    after: cells.list("waited_for")?,
                })
            })
            .collect()
    }
}

impl Cells<'_> {
    /// What a list and a run's own page both have.
    fn run(&self) -> Result<RunView, Error> {
        Ok(RunView {
            status: self.text("status")?.unwrap_or_default(),
            action: self.text("action")?.unwrap_or_default(),
            source: self.text("source")?.unwrap_or_default(),
            callers: self.count("callers")?,
            elapsed_s: Some(self.float("elapsed_s")?),
            problem: Some(self.text("problem")?),
            ..RunView::default()
        })
    }

    fn count(&self, column: &str) -> Result<Option<u64>, Error> {
        Ok(self.int(column)?.and_then(|count| u64::try_from(count).ok()))
    }

    /// A text.
    ///
    /// # Errors
    /// If it is none.
    pub(super) fn text(&self, column: &str) -> Result<Option<String>, Error> {
        Ok(self.0.get(column)?)
    }

    /// A whole number.
    ///
    /// # Errors
    /// If it is none.
    pub(super) fn int(&self, column: &str) -> Result<Option<i64>, Error> {
        Ok(self.0.get(column)?)
    }

    fn float(&self, column: &str) -> Result<Option<f64>, Error> {
        Ok(self.0.get(column)?)
    }

    /// A time that is told in milliseconds since 1970.
    fn time(&self, column: &str) -> Result<Option<String>, Error> {
        let at = self
            .int(column)?
            .map(|millis| OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000));
        Ok(at.and_then(Result::ok).map(rfc3339))
    }

    /// A list whose items stand in lines.
    ///
    /// # Errors
    /// If it is none.
    pub(super) fn list(&self, column: &str) -> Result<Vec<String>, Error> {
        let text = self.text(column)?.unwrap_or_default();
        Ok(text.lines().map(ToOwned::to_owned).collect())
    }
}

/// A run's id in its one form, and a time before which nothing can have been written about it; `None` if
/// it is no id of ours.
pub(super) fn id_and_time(run_id: &str) -> Option<(String, String)> {
    let id = Uuid::try_parse(run_id).ok()?;
    let (seconds, _) = id.get_timestamp()?.to_unix();
    let since = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()? - APART).ok()?;
    let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    Some((id.to_string(), since.format(&form).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_ids_are_asked_for_and_they_tell_the_time() {
        let (id, since) = id_and_time("01890a5d-ac96-774b-bcce-b302099a8057").expect("an id");
        assert_eq!(id, "01890a5d-ac96-774b-bcce-b302099a8057");
        assert_eq!(since, "2023-06-30 03:33:18 UTC");
        for other in [
            "",
            "nope",
            "' OR TRUE --",
            "67e55044-10b1-426f-9247-bb680e5fe0c8",
            "ffffffff-ffff-7fff-bfff-ffffffffffff",
        ] {
            assert_eq!(id_and_time(other), None, "{other}");
        }
    }
}
