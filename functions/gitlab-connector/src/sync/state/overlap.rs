//! How far the states of passes look back.

use std::time::Duration;

use time::OffsetDateTime;

/// What is complete after a pass that began at `started_at`. It never goes back: what it has passed is in the warehouse.
pub(super) fn complete_until(
    before: Option<OffsetDateTime>,
    started_at: OffsetDateTime,
    overlap: Duration,
) -> OffsetDateTime {
    let until = started_at - overlap;
    before.map_or(until, |before| before.max(until))
}
