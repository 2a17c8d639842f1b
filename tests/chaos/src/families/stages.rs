//! Stage tables that vanish under a sync.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use gitlab_sim::random::Random;
use local_stack::{PROJECT, http};

/// Until told to stop, drops some of the stage tables that it sees; how many it was.
pub fn steal(rest: &str, dataset: &str, random: &mut Random, stop: &AtomicBool) -> u64 {
    let tables = format!("{rest}/bigquery/v2/projects/{PROJECT}/datasets/{dataset}/tables");
    let mut stolen = 0;
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(50 + random.below(200)));
        let Ok((200, answer)) = http::get(&format!("{tables}?maxResults=1000")) else {
            continue;
        };
        let names = answer["tables"].as_array().into_iter().flatten();
        let stages = names.filter_map(|table| table["tableReference"]["tableId"].as_str());
        for stage in stages.filter(|name| name.starts_with("_stage_")) {
            if random.below(3) == 0 && matches!(http::delete(&format!("{tables}/{stage}")), Ok((200..=299, _))) {
                stolen += 1;
            }
        }
    }
    stolen
}
