//! What belongs to rows of other streams: what those rows tell of it, and what the raw tables have.

use std::collections::BTreeMap;

use mergemind_shared::warehouse::{Error, ResultRow, Table, Warehouse, one_of};

use crate::ledger::{Counted, Told};
use crate::streams::{PROJECT, Stream, Streams, ToldBy};

/// By stream and project.
pub type Belonging = BTreeMap<(&'static str, i64), Belongs>;

/// Rows of a stream in a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Belongs {
    /// What the rows tell that they belong to.
    pub told: Told,
    /// Those that are not marked as deleted.
    pub live: Counted,
    /// Those that are.
    pub deleted: u64,
}

impl Belongs {
    /// A stream of which there is nothing in a project.
    fn none(stream: &Stream) -> Self {
        Self {
            told: match stream.told_by {
                Some(_) => Told::Rows(Counted::default()),
                None => Told::Nothing,
            },
            live: Counted::default(),
            deleted: 0,
        }
    }

    /// Nothing of any of these streams in these projects.
    pub fn nothing(streams: &[&Stream], projects: &[i64]) -> Belonging {
        let of_stream = |stream: &&Stream| {
            let (name, none) = (stream.name(), Self::none(stream));
            projects.iter().map(move |project| ((name, *project), none))
        };
        streams.iter().flat_map(of_stream).collect()
    }
}

/// Keep the parts of a pair together in a checksum: that of two rows with each other's labels is another one.
const MODULI: (i64, i64) = (1_000_003, 999_983);

/// What a row and an id in it add to a checksum; [`checksum_sql`] says the same.
#[cfg(test)]
pub fn checksum_of(row: i64, id: i64) -> i64 {
    (row % MODULI.0 + 1) * (id % MODULI.1 + 1)
}

fn checksum_sql(row: &str, id: &str) -> String {
    let (rows, ids) = MODULI;
    format!("(MOD({row}, {rows}) + 1) * (MOD({id}, {ids}) + 1)")
}

/// Asks all of it in one question.
///
/// # Errors
/// If the warehouse can't be asked.
pub async fn ask(
    warehouse: &Warehouse,
    all: &Streams,
    streams: &[&Stream],
    projects: &[i64],
) -> Result<Belonging, Error> {
    let mut found = Belongs::nothing(streams, projects);
    let selects = streams.iter().flat_map(|stream| {
        let name = |table: &Table| warehouse.name_of(table.name);
        let above = stream.read.above().map(|above| &all.named(above).table);
        let told = above.zip(stream.told_by);
        let told = told.map(|(above, by)| told_sql(stream, &name(above), by, projects));
        told.into_iter()
            .chain([live_sql(stream, &name(&stream.table), projects)])
    });
    let selects: Vec<String> = selects.collect();
    if selects.is_empty() {
        return Ok(found);
    }
    let number = |row: &ResultRow, column: &str| -> Result<i64, Error> { Ok(row.get(column)?) };
    for row in warehouse.query(selects.join(" UNION ALL ")).await? {
        let stream = row.get::<String>("stream")?;
        let place = (all.named(&stream).name(), number(&row, PROJECT)?);
        let Some(belongs) = found.get_mut(&place) else {
            continue;
        };
        let counted = Counted {
            rows: number(&row, "counted")?.unsigned_abs(),
            sum: number(&row, "checksum")?,
        };
        let others = number(&row, "others")?;
        match row.get::<bool>("is_told")? {
            false => (belongs.live, belongs.deleted) = (counted, others.unsigned_abs()),
            // This GitLab does not tell it with any row.
            true if others == 0 => belongs.told = Told::Nothing,
            true => belongs.told = Told::Rows(counted),
        }
    }
    Ok(found)
}

/// What rows of another table tell of this stream's; `others`: how many rows tell it.
fn told_sql(stream: &Stream, above: &str, by: ToldBy, projects: &[i64]) -> String {
    let of = |counted: &str, checksum: &str, others: &str, from: &str| {
        format!(
            "SELECT '{}' AS stream, TRUE AS is_told, project_id, CAST({counted} AS INT64) AS counted, \
             CAST({checksum} AS INT64) AS checksum, {others} AS others FROM {from} WHERE NOT _deleted AND {} GROUP BY project_id",
            stream.name(),
            one_of(PROJECT, projects)
        )
    };
    match by {
        ToldBy::Number(column) | ToldBy::ByPeople(column) => of(
            &format!("COALESCE(SUM({column}), 0)"),
            "0",
            &format!("COUNT({column})"),
            above,
        ),
        ToldBy::Ids(column, _) => of(
            "COUNT(*)",
            &format!("SUM({})", checksum_sql("id", "item")),
            "COUNT(*)",
            &format!("{above}, UNNEST({column}) AS item"),
        ),
    }
}

/// What the stream's own table has; `others`: rows that are marked as deleted.
fn live_sql(stream: &Stream, table: &str, projects: &[i64]) -> String {
    let checksum = match (stream.told_by, stream.parent) {
        (Some(ToldBy::Ids(_, own)), Some(parent)) => {
            format!("SUM(CASE WHEN _deleted THEN 0 ELSE {} END)", checksum_sql(parent, own))
        }
        _ => "0".to_owned(),
    };
    let by_people = match stream.told_by {
        Some(ToldBy::ByPeople(_)) => " AND NOT COALESCE(system, FALSE)",
        _ => "",
    };
    format!(
        "SELECT '{}' AS stream, FALSE AS is_told, project_id, SUM(CASE WHEN _deleted THEN 0 ELSE 1 END) AS counted, \
         CAST({checksum} AS INT64) AS checksum, SUM(CASE WHEN _deleted THEN 1 ELSE 0 END) AS others \
         FROM {table} WHERE {}{by_people} GROUP BY project_id",
        stream.name(),
        one_of(PROJECT, projects)
    )
}
