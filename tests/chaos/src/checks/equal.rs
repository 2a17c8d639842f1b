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
        // Rows that are marked as deleted count here.
        let key = match table {
            "mr_approvals" | "mr_reviewers" | "mr_assignees" => "merge_request_id, user_id",
            "mr_labels" => "merge_request_id, label_id",
            _ => "id",
        };
        let sql = format!(
            "SELECT {key} FROM {}.{table} GROUP BY {key} HAVING COUNT(*) > 1",
            world.raw
        );
        let twice = ground.warehouse.query(&sql)?;
        if !twice.is_empty() {
            return Err(format!("{table} has keys twice: {twice:?}"));
        }
        tally.check("tables equal to GitLab");
    }
    Ok(())
}
