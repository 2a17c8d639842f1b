//! How REST prints times and addresses.

use serde_json::Value;

use crate::data::{BASE_URL, Group, Project};
use crate::instant::{Instant, MINUTE, SECOND, print};

/// `2026-07-28T08:49:47.270Z`: cut to milliseconds.
pub fn time(at: Instant) -> String {
    let millis = at.rem_euclid(SECOND) / 1000;
    print(at).replace('Z', &format!(".{millis:03}Z"))
}

pub fn time_or_null(at: Option<Instant>) -> Value {
    at.map_or(Value::Null, |at| Value::from(time(at)))
}

/// `2026-07-28T10:49:47.000+02:00`: Git keeps whole seconds and the writer's time zone.
pub fn git_time(at: Instant, zone_minutes: i64) -> String {
    let local = print(at + zone_minutes * MINUTE);
    let sign = if zone_minutes < 0 { '-' } else { '+' };
    let (hours, minutes) = (zone_minutes.abs() / 60, zone_minutes.abs() % 60);
    local.replace('Z', &format!(".000{sign}{hours:02}:{minutes:02}"))
}

pub fn project_url(project: &Project) -> String {
    format!("{BASE_URL}/{}", project.full_path())
}

pub fn group_url(group: &Group) -> String {
    format!("{BASE_URL}/groups/{}", group.full_path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instant::parse;

    #[test]
    fn times_are_printed_as_gitlab_does() {
        let at = parse("2026-07-28T08:49:47.270999Z").expect("a time");
        assert_eq!(time(at), "2026-07-28T08:49:47.270Z");
        let whole = parse("2026-07-28T08:49:47Z").expect("a time");
        for (zone, text) in [
            (120, "2026-07-28T10:49:47.000+02:00"),
            (-450, "2026-07-28T01:19:47.000-07:30"),
        ] {
            assert_eq!(git_time(at, zone), text);
            assert_eq!(parse(text), Some(whole));
        }
    }
}
