//! Trying everything that a sync does to tables, in one that is made for it and removed afterwards.

use uuid::Uuid;

use super::schema::{Column, Kind, Table};
use super::sql::{self, Merge, TableNames};
use super::value::Value;
use super::{Error, Warehouse};

/// The roles that hold all permissions a sync needs.
const ROLES: &str =
    "BigQuery Data Editor on the dataset (or its project) and BigQuery Job User on the project hold all that is needed";

/// What could not be done to a table, and what is probably missing.
#[derive(Debug, thiserror::Error)]
#[error("{step} failed: {error}")]
pub struct Failed {
    step: &'static str,
    /// The permissions that the step needs.
    needs: &'static str,
    error: Error,
}

impl Failed {
    /// What a person can do.
    #[must_use]
    pub fn hint(&self) -> String {
        match missing_permission(&self.error.to_string()) {
            Some(permission) => format!("the account lacks the permission {permission}: {ROLES}"),
            None => format!("it needs {}: {ROLES}", self.needs),
        }
    }
}

impl Warehouse {
    /// Makes a table, fills a stage by the Storage Write API, merges it in, reads the row back, and removes both.
    ///
    /// # Errors
    /// The first step that failed. A table that can't be removed expires within a day.
    pub async fn try_out(&self) -> Result<(), Failed> {
        let table = scratch();
        let name = format!("_check_{}", Uuid::new_v4().simple());
        let made = self.create_passing(&name, &table).await;
        made.map_err(|error| failed("making a table", "bigquery.tables.create", error))?;
        let tried = self.try_in(&name, &table).await;
        let removed = self.query(format!("DROP TABLE {}", self.name_of(&name))).await;
        tried?;
        removed.map_err(|error| failed("removing a table", "bigquery.tables.delete", error))?;
        Ok(())
    }

    async fn try_in(&self, name: &str, table: &Table) -> Result<(), Failed> {
        let rows = [vec![
            Value::Int(1),
            Value::Text("a row of gitlab-connector --check".into()),
        ]];
        let staged = self.stage(table, &rows, 0).await;
        let stage = staged.map_err(|error| {
            let needs = "bigquery.tables.create, bigquery.tables.get and bigquery.tables.updateData";
            failed("writing rows by the Storage Write API", needs, error)
        })?;
        let merge = Merge {
            table,
            raw: self.name_of(name),
            stage: Some(self.name_of(&stage)),
            rows: &rows,
            complete_set: None,
            is_pruned: false,
        };
        let script = sql::commit(
            &[merge],
            &[],
            &sql::CommitGuards::default(),
            0,
            &TableNames(&|name| self.name_of(name)),
        );
        let merged = self.run_transaction(&script).await;
        let needs =
            "bigquery.jobs.create, bigquery.tables.getData, bigquery.tables.updateData and bigquery.tables.delete";
        let merged = merged.map_err(|error| failed("a MERGE in a transaction", needs, error))?;
        let written: Result<i64, _> = merged.first().map_or(Ok(0), |row| row.get("n0"));
        match written {
            Ok(1) => Ok(()),
            Ok(rows) => {
                let error = Error::Answer(format!("{rows} rows were written instead of one"));
                Err(failed("a MERGE in a transaction", needs, error))
            }
            Err(error) => Err(failed("a MERGE in a transaction", needs, error.into())),
        }
    }
}

fn failed(step: &'static str, needs: &'static str, error: Error) -> Failed {
    Failed { step, needs, error }
}

fn scratch() -> Table {
    Table {
        name: "check",
        description: "",
        columns: vec![
            Column::new("id", Kind::Int64, "A number."),
            Column::new("text", Kind::String, "A text."),
        ],
        primary_key: &["id"],
        version: None,
        partition_by: None,
        cluster_by: &[],
    }
}

/// The permission that Google names in a refusal: `bigquery.tables.create` over REST, `TABLES_UPDATE_DATA` over gRPC.
fn missing_permission(message: &str) -> Option<String> {
    let words = message.split(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_');
    let words = words.map(|word| word.trim_matches('.'));
    let mut named = words.filter_map(|word| {
        if word.starts_with("bigquery.") && word.matches('.').count() == 2 {
            return Some(word.to_owned());
        }
        let (kind, rest) = word.strip_prefix("TABLES_").map(|rest| ("tables", rest))?;
        let mut parts = rest.split('_').map(str::to_ascii_lowercase);
        let mut verb = parts.next()?;
        for part in parts {
            let (first, rest) = part.split_at_checked(1)?;
            verb.push_str(&first.to_ascii_uppercase());
            verb.push_str(rest);
        }
        Some(format!("bigquery.{kind}.{verb}"))
    });
    named.next()
}

#[cfg(test)]
mod tests {
    use super::super::refusal::Refusal;
    use super::*;

    #[test]
    fn the_missing_permission_is_named_in_plain_words() {
        let refusals = [
            (
                "Access Denied: Dataset p:d: Permission bigquery.tables.create denied on dataset p:d (or it may not exist).",
                "bigquery.tables.create",
            ),
            (
                "Permission 'TABLES_UPDATE_DATA' denied on resource 'projects/p/datasets/d/tables/t' (or it may not exist).",
                "bigquery.tables.updateData",
            ),
            (
                "Access Denied: Project p: User does not have bigquery.jobs.create permission in project p.",
                "bigquery.jobs.create",
            ),
        ];
        for (said, permission) in refusals {
            let told = failed("a step", "much", Error::Query(Refusal::invalid(said))).hint();
            assert!(told.contains(&format!("lacks the permission {permission}:")), "{told}");
            assert!(told.contains("BigQuery Data Editor"), "{told}");
        }
        let told = failed("a step", "bigquery.tables.delete", Error::Query(Refusal::invalid("no"))).hint();
        assert!(told.contains("it needs bigquery.tables.delete"), "{told}");
    }
}
