//! The machine that figures come from.

use std::fs;
use std::time::Duration;

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
        "busy_per_cent": busy(),
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

/// How busy all cores are before anything is measured, in per cent: what others do then disturbs the figures.
fn busy() -> f64 {
    let before = ticks();
    std::thread::sleep(Duration::from_millis(500));
    let after = ticks();
    let (all, idle) = (after.0 - before.0, after.1 - before.1);
    if all > 0.0 {
        (100.0 * (1.0 - idle / all)).round()
    } else {
        0.0
    }
}

/// Ticks of all cores since the start, and of these the idle ones.
fn ticks() -> (f64, f64) {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    // user, nice, system, idle, iowait, irq, softirq, steal; guests are counted in the first two.
    let numbers: Vec<f64> = line
        .split_whitespace()
        .skip(1)
        .take(8)
        .filter_map(|text| text.parse().ok())
        .collect();
    (numbers.iter().sum(), numbers.iter().skip(3).take(2).sum())
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
