//! The setting `STREAMS`, which both functions read: the connector syncs the streams that it names, and dbt builds what needs their tables.

/// Stands in `STREAMS` for the streams that most users of the marts want.
pub const RECOMMENDED: &str = "recommended";

/// What [`RECOMMENDED`] stands for: what the marts about deployments and the history of merge requests need.
pub const RECOMMENDED_STREAMS: [&str; 6] = [
    "mr_details",
    "mr_commits",
    "mr_state_events",
    "deployments",
    "deployment_merge_requests",
    "environments",
];

/// The names, with those that [`RECOMMENDED`] stands for in its place.
pub fn expand(names: Vec<String>) -> Vec<String> {
    let expanded = names.into_iter().flat_map(|name| match name == RECOMMENDED {
        true => RECOMMENDED_STREAMS.map(str::to_owned).to_vec(),
        false => vec![name],
    });
    expanded.collect()
}
