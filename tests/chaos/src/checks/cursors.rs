//! A cursor's time says: everything that changed before is in the raw table.

use std::collections::HashMap;

use gitlab_sim::instant;
use local_stack::Failed;

use crate::ground::Ground;
use crate::tally::Tally;
use crate::world::World;

/// Streams whose rows are read by their time of update.
const STREAMS: [&str; 3] = ["merge_requests", "issues", "pipelines"];

/// Looks for rows of GitLab that were last updated before the cursor and are missing, or older, in the raw table.
///
/// # Errors
/// The first such row.
pub fn behind_data(world: &World, ground: &Ground, tally: &Tally) -> Result<(), Failed> {
    let sql = format!(
        "SELECT stream, cursor, UNIX_MICROS(cursor_at) FROM {}._cursors WHERE cursor_at IS NOT NULL",
        world.raw
    );
    // There are no tables before the first sync has made them.
    let Ok(cursors) = ground.warehouse.query(&sql) else {
        return Ok(());
    };
    for row in cursors {
        let [Some(stream), Some(cursor), Some(at)] = row.as_slice() else {
            continue;
        };
        // Lists that could not be read are noted in the cursor, to be read from where they were.
        if !STREAMS.contains(&stream.as_str()) || cursor.contains("\"later\"") {
            continue;
        }
        let at: i64 = at.parse().map_err(|_| format!("a cursor at {at}"))?;
        one(world, ground, stream, at)?;
        tally.check("cursors behind their data");
    }
    Ok(())
}

fn one(world: &World, ground: &Ground, stream: &str, at: i64) -> Result<(), Failed> {
    let sql = format!(
        "SELECT id, UNIX_MICROS(updated_at) FROM {}.{stream} WHERE NOT _deleted",
        world.raw
    );
    let known: HashMap<i64, i64> = ground
        .warehouse
        .query(&sql)?
        .into_iter()
        .filter_map(|row| Some((row[0].as_ref()?.parse().ok()?, row[1].as_ref()?.parse().ok()?)))
        .collect();
    for row in world.gitlab.rows_of_group(stream, "acme")? {
        let updated = row["updated_at"].as_str().and_then(instant::parse);
        let (Some(id), Some(updated)) = (row["id"].as_i64(), updated) else {
            continue;
        };
        if updated < at && known.get(&id).is_none_or(|known| *known < updated) {
            return Err(format!(
                "the cursor of {stream} is at {}, but the row of {} is {:?} in the raw table: {row}",
                instant::print(at),
                instant::print(updated),
                known.get(&id).map(|known| instant::print(*known))
            ));
        }
    }
    Ok(())
}
