//! The pages, in a real browser without a screen.

use black_box::TRIGGER_TOKEN;
use serde_json::json;

use super::browser::{Browser, Screen};
use super::look::on_every_screen;
use super::{Function, Small, eventually, everything};

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

#[test]
fn documentation_in_a_browser_can_do_nothing_as_its_reader() {
    let small = Small::new("docs_page");
    small.write(
        "models/customers.yml",
        "models:\n  - name: stg_customers\n    description: \"who buys <img src=x onerror='attack(1)'>\"\n",
    );
    let function = small.start(1, &[]);
    let made = function.run(&json!({"source": "test", "action": "docs"}));
    let id = made["run_id"].as_str().expect("an id");
    let mut browser = Browser::start();
    let desk = Screen {
        width: 1_100,
        is_phone: false,
        is_dark: false,
    };
    let page = format!("{}/runs/{id}/artifacts/index.html", address(&function));
    browser.show(&format!("{page}#!/model/model.small.stg_customers"), desk);
    // It is dbt's own page, and works without asking for anything.
    let text = eventually("the documentation is shown", || {
        let text = browser.ask("document.body.innerText");
        let shown = text
            .as_str()
            .is_some_and(|text| text.contains("stg_customers") && text.contains("who buys"));
        shown.then_some(text)
    });
    assert_eq!(browser.ask("self.origin"), "null", "{text}");
    // What a script in it can try: the list of runs, and ending one.
    browser.ask(
        "window.tried = {}; for (const [name, path, options] of [
            ['list', '/runs', {credentials: 'include'}],
            ['cancel', '/runs/' + location.pathname.split('/')[2] + '/cancel', {method: 'POST', credentials: 'include'}],
        ]) fetch(location.origin + path, options).then(
            answer => window.tried[name] = 'answered ' + answer.status, problem => window.tried[name] = 'refused');
        const form = document.createElement('form');
        form.method = 'post'; form.action = '/runs/x/cancel'; document.body.append(form); form.submit(); 1",
    );
    let tried = eventually("both are decided", || {
        let tried = browser.ask("window.tried");
        (tried["list"].is_string() && tried["cancel"].is_string()).then_some(tried)
    });
    assert_eq!(tried, json!({"list": "refused", "cancel": "refused"}));
    let storage = "(() => { try { return String(localStorage.length); } catch (problem) { return problem.name; } })()";
    assert_eq!(browser.ask(storage), "SecurityError");
    let log = function.process.log_text();
    assert!(!log.contains("/cancel"), "{log}");
    assert!(!log.contains("GET /runs 200"), "{log}");
}
