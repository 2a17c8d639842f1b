//! While GitLab fails at some things, all others are as GitLab has them, and nothing is lost or left unnamed.

use std::collections::BTreeMap;

use black_box::{key_of, warehouse_rows};
use local_stack::Failed;
use serde_json::Value;

use crate::ground::Ground;
use crate::poisons::{Blind, Tables};
use crate::tally::Tally;
use crate::world::World;

/// A stream of the REST API.
pub const REST: &str = "environments";

/// The tables that are compared: those that are always synced, and one of the REST API.
pub fn tables() -> impl Iterator<Item = &'static str> {
    black_box::TABLES.into_iter().chain([REST])
}

/// GitLab's rows.
///
/// # Errors
/// If it does not tell them.
pub fn of_gitlab(world: &World) -> Result<Tables, Failed> {
    let rows = |table| Ok((table, world.gitlab.rows_of_group(table, "acme")?));
    let mut tables: Tables = black_box::TABLES.into_iter().map(rows).collect::<Result<_, Failed>>()?;
    let mut of_rest = world.gitlab.rows(REST)?;
    let projects: Vec<Value> = tables["projects"].iter().map(|row| row["id"].clone()).collect();
    of_rest.retain(|row| projects.contains(&row["project_id"]));
    tables.insert(REST, of_rest);
    Ok(tables)
}

/// The raw tables' rows; none before the first sync.
pub fn of_warehouse(world: &World, ground: &Ground) -> Tables {
    let rows = |table| (table, warehouse_rows(&ground.warehouse, &world.raw, table));
    tables().map(rows).collect()
}

/// Compares all that GitLab can give, and looks whether what was there `before` still is.
///
/// # Errors
/// The first differences.
pub fn equal(gitlab: &Tables, before: &Tables, now: &Tables, blind: &[Blind], tally: &Tally) -> Result<(), Failed> {
    for table in tables() {
        let is_blind = |row: &Value| {
            let mut rows = blind.iter().flat_map(|blind| &blind.rows);
            rows.any(|(of, column, id)| *of == table && row[*column] == *id)
        };
        let (there, had, have) = (keyed(table, gitlab), keyed(table, before), keyed(table, now));
        for (key, row) in &there {
            let may_lack = is_blind(row) || (table == "users" && blind.iter().any(|blind| !blind.rows.is_empty()));
            match have.get(key) {
                Some(_) if is_blind(row) => {}
                Some(found) => same(table, blind, row, found)?,
                None if !may_lack => return Err(format!("{table}: {key} is missing")),
                None if had.contains_key(key) => return Err(format!("{table}: {key} was there and is lost")),
                None => {}
            }
        }
        // A user stays although the last row that referred to it is gone.
        let extra = have
            .iter()
            .find(|(key, row)| !there.contains_key(*key) && !is_blind(row));
        if let Some((key, _)) = extra.filter(|_| table != "users") {
            return Err(format!("{table}: {key} is gone in GitLab"));
        }
        tally.check("tables equal but for what fails");
    }
    Ok(())
}

/// Whether a row is GitLab's, but for columns that may be empty because GitLab fails at one of its fields.
fn same(table: &str, blind: &[Blind], row: &Value, found: &Value) -> Result<(), Failed> {
    let may_lack = blind
        .iter()
        .flat_map(|blind| &blind.fields)
        .any(|(of, id)| *of == table && row["id"] == *id);
    let is_odd = |column: &String, value: &Value| {
        let mut odd = blind.iter().flat_map(|blind| &blind.odd);
        let shown = value.as_str().map(|text| format!("{text}\u{fffd}"));
        odd.any(|(of, id, name)| *of == table && row["id"] == *id && name == column)
            && found[column].as_str() == shown.as_deref()
    };
    for (column, value) in row.as_object().into_iter().flatten() {
        let is_empty = found[column].is_null() || found[column].as_array().is_some_and(Vec::is_empty);
        if found[column] != *value && !(may_lack && is_empty) && !is_odd(column, value) {
            return Err(format!(
                "{table}: {column} is {} instead of {value} in {row}",
                found[column]
            ));
        }
    }
    Ok(())
}

fn keyed<'t>(table: &str, tables: &'t Tables) -> BTreeMap<String, &'t Value> {
    let key = |row: &Value| {
        let parts: Vec<String> = key_of(table).iter().map(|column| row[*column].to_string()).collect();
        parts.join("/")
    };
    tables[table].iter().map(|row| (key(row), row)).collect()
}

/// Looks whether `told` names each of these, and nothing else.
///
/// # Errors
/// What is not named, or what is and should not be.
pub fn named(blind: &[Blind], before: &Tables, told: &[String], by: &str, tally: &Tally) -> Result<(), Failed> {
    let is_of = |blind: &Blind, told: &String| blind.names.iter().any(|name| told.ends_with(name.as_str()));
    // A text that is none is no gap: all of it that can be read is there.
    for blind in blind.iter().filter(|blind| !blind.names.is_empty()) {
        let had = |(table, column, id): &(&str, &str, u64)| before[*table].iter().any(|row| row[*column] == *id);
        let is_missed = !blind.is_list || blind.rows.first().is_some_and(had);
        if is_missed && !told.iter().any(|told| is_of(blind, told)) {
            return Err(format!("{by} does not name {:?}, but {told:?}", blind.names));
        }
    }
    if let Some(told) = told.iter().find(|told| !blind.iter().any(|blind| is_of(blind, told))) {
        return Err(format!("{by} names {told}, at which nothing fails: {blind:?}"));
    }
    tally.check("names of what fails");
    Ok(())
}

/// The addresses in `_ledger_gaps`.
///
/// # Errors
/// If the warehouse refuses.
pub fn of_ledger(world: &World, ground: &Ground) -> Result<Vec<String>, Failed> {
    let sql = format!("SELECT address FROM {}._ledger_gaps WHERE NOT _deleted", world.raw);
    let rows = ground.warehouse.query(&sql)?;
    Ok(rows.into_iter().filter_map(|row| row.into_iter().next()?).collect())
}
