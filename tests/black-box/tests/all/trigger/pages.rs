//! The pages, in a real browser without a screen. Needs `chromium` or another one, named by `CHROMIUM`;
//! without one the test says so and checks nothing.

use std::path::Path;
use std::process::Command;

use black_box::TRIGGER_TOKEN;
use local_stack::root;
use serde_json::json;

use super::{Function, Small, everything};

fn browser() -> Option<String> {
    let named = std::env::var("CHROMIUM").ok();
    let known = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"].map(str::to_owned);
    let found = named.into_iter().chain(known).find(|name| {
        let version = Command::new(name).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    });
    if found.is_none() {
        eprintln!("NOT TESTED: there is no chromium on this machine; `apt install chromium`, or name one by CHROMIUM");
    }
    found
}

/// The page as the browser has it, after it was drawn into `picture`.
fn draw(browser: &str, function: &Function, path: &str, size: &str, dark: bool, picture: &Path) -> String {
    let profile = tempfile::tempdir().expect("a folder");
    // As a person would answer the browser's question.
    let url = function
        .url
        .replacen("http://", &format!("http://me:{TRIGGER_TOKEN}@"), 1);
    let run = |more: &[String]| {
        let mut command = Command::new(browser);
        command
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
            ])
            .args(["--disable-background-networking", "--no-first-run"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("--window-size={size}"));
        if dark {
            command.arg("--blink-settings=preferredColorScheme=0");
        }
        let output = command
            .args(more)
            .arg(format!("{url}{path}"))
            .output()
            .expect("the browser runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    run(&[format!("--screenshot={}", picture.display())]);
    run(&["--dump-dom".to_owned()])
}

#[test]
fn a_browser_shows_runs_in_light_and_dark_and_on_a_phone() {
    let Some(browser) = browser() else { return };
    let small = Small::new("pages");
    small.write(
        "models/broken.sql",
        "select no_such_column from {{ ref('stg_orders') }}\n",
    );
    let function = small.start(1, &[]);
    let (status, failed) = function.order(&everything());
    assert_eq!(status, 500);
    function.run(&json!({"source": "nightly", "exclude": "broken"}));
    let id = failed["details"]["run_id"].as_str().expect("an id");
    let pictures = root().join(".local/pictures");
    std::fs::create_dir_all(&pictures).expect("a folder");
    for (name, path) in [("run", format!("/runs/{id}")), ("runs", "/runs".to_owned())] {
        for (look, size, dark) in [
            ("light", "1100,900", false),
            ("dark", "1100,900", true),
            ("phone", "500,900", false),
        ] {
            let picture = pictures.join(format!("{name}-{look}.png"));
            let _ = std::fs::remove_file(&picture);
            let dom = draw(&browser, &function, &path, size, dark, &picture);
            assert!(dom.contains("no_such_column") || name == "runs", "{look}: {dom}");
            assert!(dom.contains("<svg") || name == "run", "{look}: {dom}");
            let bytes = std::fs::metadata(&picture).expect("a picture").len();
            assert!(bytes > 8_000, "{name} {look} is empty: {bytes} bytes");
        }
    }
    let bytes = |name: &str| std::fs::read(pictures.join(name)).expect("a picture");
    assert_ne!(bytes("run-light.png"), bytes("run-dark.png"), "dark looks like light");
}
