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
    let raw = &world.raw;
    let known = STREAMS.map(|stream| {
        format!("SELECT '{stream}', CAST(id AS STRING), UNIX_MICROS(updated_at) FROM {raw}.{stream} WHERE NOT _deleted")
    });
    // Lists that could not be read are noted in the cursor, to be read from where they were.
    let sql = format!(
        "SELECT stream, 'cursor', UNIX_MICROS(cursor_at) FROM {raw}._cursors \
         WHERE cursor_at IS NOT NULL AND STRPOS(cursor, 'later\"') = 0 UNION ALL {}",
        known.join(" UNION ALL ")
    );
    // There are no tables before the first sync has made them.
    let rows = match ground.warehouse.query(&sql) {
        Err(problem) if problem.to_lowercase().contains("not found") || problem.contains("does not exist") => {
            return Ok(());
        }
        rows => rows?,
    };
    let mut times: HashMap<(String, String), i64> = HashMap::new();
    for row in rows {
        if let [Some(stream), Some(id), Some(at)] = row.as_slice() {
            let at = at.parse().map_err(|_| format!("{stream} {id} has the time {at}"))?;
            times.insert((stream.clone(), id.clone()), at);
        }
    }
    for stream in STREAMS {
        let Some(at) = times.get(&(stream.to_owned(), "cursor".to_owned())) else {
            continue;
        };
        for row in world.gitlab.rows_of_group(stream, "acme")? {
            let Some(updated) = row["updated_at"].as_str().and_then(instant::parse) else {
                continue;
            };
            let known = times.get(&(stream.to_owned(), row["id"].to_string()));
            if updated < *at && known.is_none_or(|known| *known < updated) {
                return Err(format!(
                    "the cursor of {stream} is at {}, but the row of {} is {:?} in the raw table: {row}",
                    instant::print(*at),
                    instant::print(updated),
                    known.map(|known| instant::print(*known))
                ));
            }
        }
        tally.check("cursors behind their data");
    }
    Ok(())
}
