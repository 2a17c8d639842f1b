//! Raw tables are GitLab's rows, each once.

use black_box::{TABLES, table_difference};
use local_stack::Failed;

use crate::ground::Ground;
use crate::tally::Tally;
use crate::world::World;

/// Compares every table that is always synced.
///
/// # Errors
/// The first differences.
pub fn all(world: &World, ground: &Ground, tally: &Tally) -> Result<(), Failed> {
    for table in TABLES {
        if let Some(difference) = table_difference(&world.gitlab, &ground.warehouse, &world.raw, table) {
            return Err(difference);
        }
        tally.check("tables equal to GitLab");
    }
    // Rows that are marked as deleted count here.
    let twice = TABLES.map(|table| {
        let key = match table {
            "mr_approvals" | "mr_reviewers" | "mr_assignees" => "merge_request_id, user_id",
            "mr_labels" => "merge_request_id, label_id",
            _ => "id",
        };
        let raw = &world.raw;
        format!("SELECT '{table}' FROM (SELECT {key} FROM {raw}.{table} GROUP BY {key} HAVING COUNT(*) > 1)")
    });
    let twice = ground.warehouse.query(&twice.join(" UNION ALL "))?;
    if !twice.is_empty() {
        return Err(format!("keys that stand twice, by table: {twice:?}"));
    }
    Ok(())
}
