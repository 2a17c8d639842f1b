//! The pages, in a real browser without a screen.

use black_box::TRIGGER_TOKEN;
use serde_json::json;

use super::browser::Browser;
use super::look::on_every_screen;
use super::{Function, Small, everything};

/// The function's address, as a person would answer the browser's question.
pub fn address(function: &Function) -> String {
    function
        .url
        .replacen("http://", &format!("http://me:{TRIGGER_TOKEN}@"), 1)
}

#[test]
fn runs_are_readable_in_a_browser_on_a_desk_and_on_a_phone_in_light_and_dark() {
    let small = Small::new("pages");
    small.write(
        "models/broken.sql",
        "select no_such_column from {{ ref('stg_orders') }}\n",
    );
    let function = small.start(1, &[]);
    let (status, failed) = function.order(&everything());
    assert_eq!(status, 500);
    // A name with no place to break it.
    let nightly = format!("nightly-{}", "x".repeat(120));
    function.run(&json!({"source": nightly, "exclude": "broken"}));
    let id = failed["details"]["run_id"].as_str().expect("an id");
    let url = address(&function);
    let mut browser = Browser::start();
    for (name, path, words, bars) in [
        (
            "run",
            format!("/runs/{id}"),
            ["no_such_column", "Along time", "tests passed"],
            4,
        ),
        (
            "runs",
            "/runs".to_owned(),
            ["2 runs, 1 failed", "nightly-xxx", "Newest first"],
            2,
        ),
    ] {
        for seen in on_every_screen(&mut browser, name, &format!("{url}{path}")) {
            let text = seen["text"].as_str().unwrap_or_default();
            for words in words {
                assert!(text.contains(words), "{words} is not in {name}: {seen:#}");
            }
            assert!(seen["bars"].as_u64() >= Some(bars), "{name}: {seen:#}");
        }
    }
}
