//! Instants as microseconds since 1970, the precision of GitLab's database.
//!
//! GraphQL prints them cut to whole seconds, so two different instants may look the same to a client.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Microseconds since 1970-01-01T00:00:00Z.
pub type Instant = i64;

pub const SECOND: i64 = 1_000_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The machine's clock.
pub fn now() -> Instant {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as i64)
}

/// `2026-07-28T08:49:47Z`: what GitLab's GraphQL `Time` prints.
pub fn print(at: Instant) -> String {
    let Civil { year, month, day } = civil(at);
    let (h, m, s) = clock(at);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}Z")
}

/// `2026-07-28`: what GitLab's GraphQL `Date` prints.
pub fn print_date(at: Instant) -> String {
    let Civil { year, month, day } = civil(at);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2026-07-28 08:49:47.270123000 UTC`: how GitLab writes an instant into a page cursor.
pub fn print_cursor(at: Instant) -> String {
    let Civil { year, month, day } = civil(at);
    let (h, m, s) = clock(at);
    let nanos = at.rem_euclid(SECOND) * 1000;
    format!("{year:04}-{month:02}-{day:02} {h:02}:{m:02}:{s:02}.{nanos:09} UTC")
}

/// `2026-07-28 08:49:47 UTC`: how GitLab's webhooks print instants.
pub fn print_hook(at: Instant) -> String {
    print(at).replacen('T', " ", 1).replace('Z', " UTC")
}

/// `Tue, 28 Jul 2026 08:49:47 GMT`, for HTTP headers.
pub fn print_http(at: Instant) -> String {
    let Civil { year, month, day } = civil(at);
    let (h, m, s) = clock(at);
    let weekday = WEEKDAYS[at.div_euclid(DAY).rem_euclid(7) as usize];
    let month = MONTHS[month as usize - 1];
    format!("{weekday}, {day:02} {month} {year:04} {h:02}:{m:02}:{s:02} GMT")
}

/// 0 = Monday … 6 = Sunday.
pub fn weekday(at: Instant) -> u8 {
    ((at.div_euclid(DAY) + 3).rem_euclid(7)) as u8
}

/// Year and month, for the names of milestones.
pub fn year_month(at: Instant) -> (i64, u32) {
    let civil = civil(at);
    (civil.year, civil.month)
}

/// Reads an RFC 3339 instant (any fraction, any offset), a bare date, or a cursor's form; `None` when it is neither.
pub fn parse(text: &str) -> Option<Instant> {
    let text = text.trim();
    let rfc = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        _ => text.replacen(' ', "T", 1).replace(" UTC", "Z"),
    };
    let parsed = OffsetDateTime::parse(&rfc, &Rfc3339).ok()?;
    i64::try_from(parsed.unix_timestamp_nanos().div_euclid(1000)).ok()
}

struct Civil {
    year: i64,
    month: u32,
    day: u32,
}

/// The proleptic Gregorian date by whole-number arithmetic (era of 400 years starting in March): printing times is
/// the hottest thing the simulator does, so it does not go through a formatter.
fn civil(at: Instant) -> Civil {
    let z = at.div_euclid(DAY) + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    Civil {
        year: yoe + era * 400 + i64::from(month <= 2),
        month: month as u32,
        day: (doy - (153 * mp + 2) / 5 + 1) as u32,
    }
}

fn clock(at: Instant) -> (i64, i64, i64) {
    let seconds = at.div_euclid(SECOND).rem_euclid(86_400);
    (seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_whole_seconds_and_reads_fractions_and_offsets() {
        let at = parse("2026-07-28T10:49:47.270123+02:00").unwrap();
        assert_eq!(print(at), "2026-07-28T08:49:47Z");
        assert_eq!(print_http(at), "Tue, 28 Jul 2026 08:49:47 GMT");
        assert_eq!(parse(&print_cursor(at)), Some(at));
        assert_eq!(at % SECOND, 270_123);
        assert_eq!(weekday(at), 1);
        assert_eq!(parse("yesterday"), None);
        assert_eq!(print(parse("2024-02-29").unwrap()), "2024-02-29T00:00:00Z");
    }
}
