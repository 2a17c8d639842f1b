//! What a sync is to do.

use std::collections::BTreeSet;
use std::time::Duration;

use mergemind_shared::config::Env;
use mergemind_shared::streams::{RECOMMENDED, RECOMMENDED_STREAMS, expand};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use wildmatch::WildMatch;

use crate::streams::{self, Stream, Streams};

/// Streams that everything else refers to.
const NEEDED: [&str; 3] = [
    streams::projects::NAME,
    streams::users::NAME,
    streams::merge_requests::NAME,
];

/// GitLab drops a `touch` within 60 seconds of the last update, and its replicas lag by an unknown time
/// (docs/gitlab.md#throttled-touch, docs/gitlab.md#replicas).
const LEAST_OVERLAP: Duration = Duration::from_secs(120);

/// What a sync is to do, apart from its scopes.
#[derive(Clone, Debug)]
pub struct Options {
    /// Names of the streams to sync.
    pub streams: BTreeSet<String>,
    /// Full paths of projects that are left out, in lower case; `*` stands for any text, `?` for one character.
    pub exclude: Vec<String>,
    /// What was last updated before is left out.
    pub start_date: Option<OffsetDateTime>,
    /// After this time a sync stops at the next checkpoint; the next one goes on there.
    pub deadline: Duration,
    /// How far before the last sync's start the next one begins to look.
    pub overlap: Duration,
    /// After so many rows a sync stops at the next checkpoint.
    pub max_records: Option<u64>,
    /// Of a scope's rows in a list, the share above which deletions wait until they are found twice.
    pub hold_deletions_above: f64,
    /// How often rows that are gone in GitLab are looked for.
    pub reconcile_every: Duration,
    /// How often open merge requests are read whether they changed or not.
    pub refresh_every: Duration,
    /// How often groups, labels and milestones are read whole.
    pub dimensions_every: Duration,
}

impl Options {
    /// These streams, with the usual times.
    #[cfg(test)]
    pub fn of_streams<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        Self {
            streams: names.into_iter().map(ToOwned::to_owned).collect(),
            exclude: Vec::new(),
            start_date: None,
            deadline: hours(1),
            overlap: Duration::from_secs(300),
            max_records: None,
            hold_deletions_above: 0.2,
            reconcile_every: hours(24),
            refresh_every: hours(24),
            dimensions_every: hours(24),
        }
    }

    /// Whether the project with this full path is left out.
    pub fn excludes(&self, path: &str) -> bool {
        let path = path.to_lowercase();
        self.exclude
            .iter()
            .any(|pattern| WildMatch::new(pattern).matches(&path))
    }

    /// Whether a stream is synced.
    pub fn on(&self, stream: &str) -> bool {
        self.streams.contains(stream)
    }
}

/// Declares and reads all of them.
pub fn read(env: &mut Env) -> Options {
    let hours = |env: &mut Env, name, description, default: f64| {
        let hours = env.number(name, description).range(0.25, 24.0 * 366.0).default(default);
        Duration::from_secs_f64(hours * 3600.0)
    };
    Options {
        streams: read_streams(env),
        exclude: env
            .list(
                "EXCLUDE_PROJECTS",
                "full paths of projects to leave out, wherever they are found; * and ? stand for anything",
            )
            .default(Vec::new())
            .into_iter()
            .map(|pattern: String| pattern.trim_matches('/').to_lowercase())
            .collect(),
        start_date: read_start_date(env),
        deadline: env
            .duration(
                "SYNC_DEADLINE_SECONDS",
                "a sync stops cleanly after this time, and the next one goes on",
            )
            .default(Duration::from_secs(50 * 60)),
        overlap: env
            .duration(
                "SYNC_OVERLAP_SECONDS",
                "how far before the last sync's start the next one looks again",
            )
            .check(|overlap| {
                if *overlap < LEAST_OVERLAP {
                    return Err(
                        "must be at least 2m: GitLab delays updates by up to a minute, and replicas lag".into(),
                    );
                }
                Ok(())
            })
            .default(Duration::from_secs(5 * 60)),
        max_records: env
            .number(
                "MAX_RECORDS_PER_SYNC",
                "after so many rows a sync stops cleanly, and the next one goes on",
            )
            .range(1, u64::MAX)
            .optional(),
        hold_deletions_above: env
            .number(
                "HOLD_DELETIONS_ABOVE_PERCENT",
                "when GitLab shows a larger share of a list no longer, its rows are marked as deleted only when the next look agrees",
            )
            .range(0.0, 100.0)
            .default(20.0)
            / 100.0,
        reconcile_every: hours(
            env,
            "RECONCILE_INTERVAL_HOURS",
            "how often rows that are gone in GitLab are looked for",
            24.0,
        ),
        refresh_every: hours(
            env,
            "OPEN_MR_REFRESH_HOURS",
            "how often open merge requests are read again, changed or not",
            24.0,
        ),
        dimensions_every: hours(
            env,
            "DIMENSIONS_INTERVAL_HOURS",
            "how often groups, labels and milestones are read whole",
            24.0,
        ),
    }
}

/// The usual streams, with those that are switched on beside them, without those that are switched off.
fn read_streams(env: &mut Env) -> BTreeSet<String> {
    let streams = Streams::new();
    let names = |usual: bool| {
        let names: Vec<_> = streams
            .all()
            .filter(|stream| stream.usual == usual)
            .map(Stream::name)
            .collect();
        names.join(", ")
    };
    let about = format!(
        "streams to sync beside the usual ones: {}; {RECOMMENDED} stands for {}",
        names(false),
        RECOMMENDED_STREAMS.join(", ")
    );
    let on = expand(env.list("STREAMS", &about).default(Vec::new()));
    let off = env
        .list("STREAMS_OFF", "usual streams to leave out")
        .default(Vec::new());
    for (variable, wanted) in [("STREAMS", &on), ("STREAMS_OFF", &off)] {
        for name in wanted.iter().filter(|name| streams.find(name).is_none()) {
            let known = format!("usual ones are {}; others are {}", names(true), names(false));
            env.problem(variable, format!("names {name}, which is no stream; {known}"));
        }
    }
    for name in off.iter().filter(|name| NEEDED.contains(&name.as_str())) {
        env.problem(
            "STREAMS_OFF",
            format!("names {name}, without which nothing else can be synced"),
        );
    }
    let usual = streams
        .all()
        .filter(|stream| stream.usual)
        .map(|stream| stream.name().to_owned());
    usual.chain(on).filter(|name| !off.contains(name)).collect()
}

fn read_start_date(env: &mut Env) -> Option<OffsetDateTime> {
    let text = env
        .string(
            "START_DATE",
            "what was last updated before this day (2026-01-31) or time is left out",
        )
        .check(|text| {
            parse_start(text).map(|_| ()).ok_or_else(|| {
                format!("is '{text}'; it must be a day such as 2026-01-31 or a time such as 2026-01-31T12:00:00Z")
            })
        })
        .optional()?;
    parse_start(&text)
}

/// A day or a time.
pub fn parse_start(text: &str) -> Option<OffsetDateTime> {
    let whole = if text.len() == 10 {
        format!("{text}T00:00:00Z")
    } else {
        text.to_owned()
    };
    OffsetDateTime::parse(&whole, &Rfc3339).ok()
}
