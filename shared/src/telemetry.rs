//! Logs: Cloud Logging's JSON on Cloud Run, short readable lines on a terminal. Both go to standard
//! error, so that standard output stays free for a program's answer.
//!
//! Events of a request carry its trace (see [`crate::functions_framework`]), so Cloud Logging shows them under
//! that request. Fields of an event named `http_request.…` make up Cloud Logging's `httpRequest`. A line that a
//! metric, an alert or a test counts has a field `event`; `docs/logs.md` lists them.

mod cloud;
pub(crate) mod escape;
mod terminal;
#[cfg(test)]
pub(crate) mod testing;

use std::io::IsTerminal;

use tracing_subscriber::Layer;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Our crates: others speak only when they warn.
const OUR_CRATES: [&str; 3] = ["gitlab_connector", "dbt_trigger", "mergemind_shared"];

/// Starts logging for this process; call it once, first thing in `main`.
///
/// `LOG_FORMAT` is `json` or `text` (default: JSON if `K_SERVICE` is set, which Cloud Run does).
/// `LOG_LEVEL` is `error`, `warn`, `info` (default), `debug` or `trace`, for our own crates;
/// `RUST_LOG` takes any filter of `tracing` and wins. A panic is logged as an error too.
pub fn init(service_name: &'static str) {
    let json = match variable("LOG_FORMAT").as_deref() {
        Some("json") => true,
        Some(_) => false,
        None => variable("K_SERVICE").is_some(),
    };
    let layer = if json {
        let project = variable("PROJECT_ID").or_else(|| variable("GOOGLE_CLOUD_PROJECT"));
        cloud::layer(service_name, project, std::io::stderr).boxed()
    } else {
        let colour = std::io::stderr().is_terminal() && variable("NO_COLOR").is_none();
        terminal::layer(colour, std::io::stderr).boxed()
    };
    let (filter, complaint) = filter(variable("RUST_LOG").as_deref(), variable("LOG_LEVEL").as_deref());
    // Fails only if logging was started before, as in tests: the first one stays.
    let _ = tracing_subscriber::registry().with(layer).with(filter).try_init();
    if let Some(complaint) = complaint {
        tracing::warn!("{complaint}");
    }
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("no message");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic: {message}");
    }));
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn filter(rust_log: Option<&str>, level: Option<&str>) -> (EnvFilter, Option<String>) {
    let mut complaint = None;
    if let Some(directives) = rust_log {
        match EnvFilter::try_new(directives) {
            Ok(filter) => return (filter, None),
            Err(e) => complaint = Some(format!("RUST_LOG is not a filter, so it is ignored: {e}")),
        }
    }
    let level = match level.map(str::to_lowercase).as_deref() {
        None => "info".to_owned(),
        Some("warning") => "warn".to_owned(),
        Some(level @ ("error" | "warn" | "info" | "debug" | "trace")) => level.to_owned(),
        Some(other) => {
            complaint = Some(format!(
                "LOG_LEVEL is '{other}', so 'info' is used; it may be error, warn, info, debug or trace"
            ));
            "info".to_owned()
        }
    };
    let ours = OUR_CRATES.map(|name| format!("{name}={level}")).join(",");
    let others = if level == "error" { "error" } else { "warn" };
    (EnvFilter::new(format!("{others},{ours}")), complaint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_for_our_crates() {
        assert!(filter(None, Some("debug")).0.to_string().contains("dbt_trigger=debug"));
        assert!(filter(None, None).0.to_string().contains("gitlab_connector=info"));
        assert_eq!(filter(Some("hyper=trace"), Some("error")).0.to_string(), "hyper=trace");
    }

    #[test]
    fn a_wrong_level_is_told_and_survived() {
        assert!(filter(None, Some("loud")).1.is_some_and(|c| c.contains("LOG_LEVEL")));
        assert!(filter(Some("a=b=c"), None).1.is_some_and(|c| c.contains("RUST_LOG")));
    }
}
