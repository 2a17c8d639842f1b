//! The machine that figures come from.

use std::fs;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

/// The processor, its cores, the memory and the system, for people.
pub fn describe() -> Value {
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok())
        .map(|kilobytes| (kilobytes / 1024.0 / 1024.0).round());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    json!({
        "cpu": cpu,
        "cores": cores,
        "memory_gb": memory,
        "system": format!("Linux {}", kernel.trim()),
        "load": load(),
    })
}

/// A description in one line.
pub fn in_words(machine: &Value) -> String {
    format!(
        "{} cores, {} GB, {}",
        machine["cores"],
        machine["memory_gb"].as_f64().unwrap_or_default(),
        machine["cpu"].as_str().unwrap_or_default()
    )
}

/// How many processes wanted to run in the last minute: above the cores, others disturb the figures.
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = text.split_whitespace().next();
    first.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// The day, `2026-01-31`.
pub fn today() -> String {
    let format = format_description!("[year]-[month]-[day]");
    OffsetDateTime::now_utc().format(format).unwrap_or_default()
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
