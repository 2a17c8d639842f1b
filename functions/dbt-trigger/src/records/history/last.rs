//! What the last run left, for an instance that did not run it: dbt repeats what failed by a file of results, which the history can write.

use mergemind_shared::warehouse::Error;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::read::{Cells, id_and_time};
use super::{History, tables};
use crate::run::{Node, rfc3339};

/// The form of the file, which dbt checks: <https://schemas.getdbt.com/dbt/run-results/v6.json>.
const SCHEMA: &str = "https://schemas.getdbt.com/dbt/run-results/v6.json";

/// A run of models or tests that has ended.
#[derive(Debug)]
pub struct LastRun {
    /// Whether this process ran it.
    pub is_own: bool,
    pub ended_at: OffsetDateTime,
    run_id: String,
    selectors: Vec<String>,
    target: Option<String>,
}

impl History {
    /// The last run of models or tests of all instances that came to any node, of dbt's `target`, `None` being the profile's own.
    ///
    /// # Errors
    /// If BigQuery can't be asked.
    pub async fn last_run(&self, target: Option<&str>) -> Result<Option<LastRun>, Error> {
        self.make_ready().await?;
        let table = self.0.warehouse.name_of(tables::RUNS);
        let sql = format!(
            "SELECT run_id, instance, target, UNIX_MILLIS(ended_at) AS ended_at, ARRAY_TO_STRING(selectors, '\\n') AS selectors FROM {table} \
             WHERE action IN ('run_dbt', 'test', 'retry') AND nodes > 0 AND ended_at IS NOT NULL AND {} ORDER BY ended_at DESC LIMIT 1",
            tables::of_target(target)
        );
        let rows = self.0.warehouse.query(sql).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let cells = Cells(row);
        let ended_at = i128::from(cells.int("ended_at")?.unwrap_or_default()) * 1_000_000;
        Ok(Some(LastRun {
            is_own: cells
                .text("instance")?
                .is_some_and(|instance| instance == self.0.instance),
            ended_at: OffsetDateTime::from_unix_timestamp_nanos(ended_at).unwrap_or(OffsetDateTime::UNIX_EPOCH),
            run_id: cells.text("run_id")?.unwrap_or_default(),
            selectors: cells.list("selectors")?,
            target: cells.text("target")?,
        }))
    }

    /// dbt's `run_results.json` of that run, as far as dbt needs it to retry.
    ///
    /// # Errors
    /// If BigQuery can't be asked.
    pub async fn results_of(&self, run: &LastRun) -> Result<Value, Error> {
        let nodes = match id_and_time(&run.run_id) {
            Some((run_id, since)) => self.nodes_of(&run_id, &since).await?,
            None => Vec::new(),
        };
        Ok(run.results(&nodes))
    }
}

impl LastRun {
    fn results(&self, nodes: &[Node]) -> Value {
        // What failed is named one by one, so the command and the selection that came to it do not matter; variables and a full refresh do.
        let mut args = Map::from_iter([("which".to_owned(), json!("build"))]);
        if self.selectors.iter().any(|arg| arg == "--full-refresh") {
            args.insert("full_refresh".into(), json!(true));
        }
        let vars = self.selectors.iter().skip_while(|arg| *arg != "--vars").nth(1);
        if let Some(vars) = vars.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
            args.insert("vars".into(), vars);
        }
        if let Some(target) = &self.target {
            args.insert("target".into(), json!(target));
        }
        let results: Vec<Value> = nodes.iter().map(result).collect();
        json!({
            "metadata": {"dbt_schema_version": SCHEMA, "generated_at": rfc3339(self.ended_at), "invocation_id": self.run_id, "env": {}},
            "args": args, "elapsed_time": 0.0, "results": results,
        })
    }
}

fn result(node: &Node) -> Value {
    json!({
        "unique_id": node.node, "status": node.status, "message": node.message, "failures": node.failures, "execution_time": node.elapsed_s,
        "timing": [], "thread_id": "", "adapter_response": {}, "compiled": null, "compiled_code": null, "relation_name": null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_hold_what_a_retry_depends_on() {
        let run = LastRun {
            is_own: false,
            ended_at: OffsetDateTime::UNIX_EPOCH,
            run_id: "r".into(),
            selectors: ["--select", "a", "--full-refresh", "--vars", r#"{"days":3}"#]
                .map(Into::into)
                .into(),
            target: Some("prod".into()),
        };
        let node = Node {
            node: "model.p.a".into(),
            status: "error".into(),
            ..Node::default()
        };
        let results = run.results(&[node]);
        assert_eq!(
            results["args"],
            json!({"which": "build", "full_refresh": true, "vars": {"days": 3}, "target": "prod"})
        );
        assert_eq!(
            (&results["results"][0]["unique_id"], &results["results"][0]["status"]),
            (&json!("model.p.a"), &json!("error"))
        );
    }
}
