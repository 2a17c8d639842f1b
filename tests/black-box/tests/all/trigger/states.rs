//! Every state that a page can show, made from records: on no day does it depend on what dbt did what a test has seen.

use local_stack::PROJECT;
use serde_json::{Value, json};

use super::browser::Browser;
use super::look::on_every_screen;
use super::pages::address;
use super::{Function, Small, eventually};

/// How a run can stand, and the colour of its page.
const STATES: [(&str, &str); 8] = [
    ("success", "good"),
    ("warning", "warn"),
    ("error", "bad"),
    ("lost", "bad"),
    ("queued", "busy"),
    ("running", "busy"),
    ("cancelled", "idle"),
    ("stopped", "idle"),
];
/// dbt's words for a node.
const NODES: [&str; 9] = [
    "success",
    "pass",
    "warn",
    "fail",
    "error",
    "skipped",
    "no-op",
    "runtime error",
    "partial success",
];
/// As many as a list shows.
const MANY: usize = 50;

/// An id as the function makes them; a later one has a larger `number`.
fn id(number: usize) -> String {
    format!("01890a5d-ac96-774b-bcce-{number:012x}")
}

fn node(number: usize, name: &str, kind: &str, status: &str) -> Value {
    json!({
        "node": format!("{kind}.small.{name}"), "name": name, "type": kind, "status": status,
        "started_s": number as f64, "elapsed_s": 1.5, "message": format!("Database Error in {kind} {name}\n  {}", "y".repeat(300)),
        "failures": number, "compiled_path": format!("target/compiled/{name}.sql"), "after": [],
    })
}

/// A run as its record tells it, in a state, with nodes, and with names that are `long` or not.
fn run(number: usize, status: &str, nodes: &[Value], long: &str) -> Value {
    let is_over = !matches!(status, "queued" | "running");
    json!({
        "run_id": id(number), "status": status, "action": "run_dbt", "source": format!("ci{long}"), "callers": 7,
        "called_by": [{"source": format!("ci{long}"), "caller": "AUTH_TOKEN"}], "queued_at": "2027-01-03T23:59:58.000Z",
        "started_at": (status != "queued").then_some("2027-01-03T23:59:59.000Z"), "elapsed_s": is_over.then_some(86_400.5),
        "problem": (!matches!(status, "success" | "queued" | "running")).then(|| format!("dbt failed: {long}")),
        "counts": {"total": nodes.len(), "success": nodes.len()}, "nodes": nodes, "changed_tables": [format!("issues{long}")],
        "selectors": ["--select", format!("dim{long}")], "dbt_version": "1.11.16", "project_version": "0".repeat(40),
    })
}

/// Puts a run into the history, as another instance wrote it a moment ago.
fn record(small: &Small, number: usize, status: &str, source: &str) {
    small.query(&format!(
        "INSERT INTO `{PROJECT}.{{}}`._dbt_runs (run_id, status, action, source, callers, queued_at, started_at, elapsed_s, nodes, failed, problem, instance) \
         VALUES ('{}', '{status}', 'run_dbt', '{source}', {number}, CURRENT_TIMESTAMP(), CURRENT_TIMESTAMP(), {number}, {number}, 0, NULL, 'another')",
        id(number)
    ));
}

fn start(small: &Small) -> Function {
    // Nothing is run, so no worker need be warm.
    small.start(
        1,
        &[
            ("DBT_RUNNER", "cli"),
            (
                "DBT_ARTIFACTS",
                &small.folder.path().join("records").display().to_string(),
            ),
        ],
    )
}

#[test]
fn a_run_is_readable_in_a_browser_in_every_state_that_there_is() {
    let small = Small::new("run_states");
    let function = start(&small);
    let (url, mut browser) = (address(&function), Browser::start());
    let long = "-x".repeat(4) + &"W".repeat(240);
    let every: Vec<Value> = (0..NODES.len())
        .map(|number| {
            node(
                number,
                &format!("node_{number}"),
                if number % 2 == 0 { "model" } else { "test" },
                NODES[number],
            )
        })
        .collect();
    let many: Vec<Value> = (0..300)
        .map(|number| node(number, &format!("node_{number}"), "model", "success"))
        .collect();
    let named = [node(1, &long, "model", "error"), node(2, &long, "test", "pass")];
    let mut number = 0;
    let mut look = |name: &str, status: &str, nodes: &[Value], long: &str| {
        number += 1;
        let folder = small.folder.path().join("records").join(id(number));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("run.json"), run(number, status, nodes, long).to_string()).expect("written");
        let seen = on_every_screen(
            &mut browser,
            &format!("run-{name}"),
            &format!("{url}/runs/{}", id(number)),
        );
        for seen in &seen {
            let text = seen["text"].as_str().unwrap_or_default();
            assert!(text.contains(&format!(": {status}")), "{name}: {seen:#}");
        }
        seen
    };
    for (status, colour) in STATES {
        for seen in look(status, status, &every, "") {
            assert!(
                seen["colours"]
                    .as_array()
                    .is_some_and(|all| all.contains(&json!(colour))),
                "{status}: {seen:#}"
            );
            assert_eq!(seen["buttons"], usize::from(colour == "busy"), "{status}: {seen:#}");
        }
    }
    for (name, nodes, bars) in [
        ("empty", &many[..0], 0),
        ("one", &many[..1], 1),
        ("many", &many[..], many.len()),
    ] {
        for seen in look(name, "success", nodes, "") {
            assert_eq!(seen["bars"], bars, "{name}: {seen:#}");
        }
    }
    look("long", "error", &named, &long);
}

#[test]
fn a_list_of_runs_is_readable_in_a_browser_be_it_empty_short_or_long() {
    let small = Small::new("list_states");
    let function = start(&small);
    let (url, mut browser) = (format!("{}/runs", address(&function)), Browser::start());
    let mut look = |name: &str, bars: usize, words: &str| {
        for seen in on_every_screen(&mut browser, &format!("runs-{name}"), &url) {
            assert!(
                seen["text"].as_str().is_some_and(|text| text.contains(words)),
                "{words}: {seen:#}"
            );
            assert_eq!(seen["bars"], bars, "{name}: {seen:#}");
        }
    };
    look("empty", 0, "There has been none");
    eventually("the history is there", || small.try_query("SELECT 1 FROM {}._dbt_runs"));
    record(&small, 1, "success", "ci");
    look("one", 1, "1 run, 0 failed");
    for number in 2..=MANY {
        let (status, _) = STATES[number % STATES.len()];
        let source = if number % 5 == 0 {
            "W".repeat(250)
        } else {
            "ci".to_owned()
        };
        record(&small, number, status, &source);
    }
    look("many", MANY, "50 runs, ");
}
