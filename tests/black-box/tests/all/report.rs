//! The report: its queries in the warehouse, its page in a real browser.

use std::process::Command;

use black_box::warehouse;
use local_stack::root;

const DATASET: &str = "marts_report";

#[test]
fn the_report_is_readable_in_a_browser_in_every_state_that_there_is() {
    let folder = root().join(".local/pictures");
    std::fs::create_dir_all(&folder).expect("a folder");
    let output = Command::new(root().join("scripts/reporting/check"))
        .arg("--states")
        .arg(&folder)
        .output()
        .expect("scripts/reporting/check");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("11 looked right"), "{said}");
}

#[test]
fn the_report_shows_the_marts_in_a_browser_and_needs_nothing_else() {
    for sql in include_str!("report.sql").replace("{d}", DATASET).split(';') {
        warehouse()
            .query(sql)
            .unwrap_or_else(|error| panic!("{error:?}: {sql}"));
    }
    let folder = root().join(".local/pictures");
    std::fs::create_dir_all(&folder).expect("a folder");
    let page = folder.join("report.html");
    let output = Command::new(root().join("scripts/report"))
        .args(["--check", "--output"])
        .arg(&page)
        .env("BIGQUERY_EMULATOR_HOST", &warehouse().rest)
        .env("BQ_DATASET_MODELED", DATASET)
        .output()
        .expect("scripts/report");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 looked right"), "{said}");

    let html = std::fs::read_to_string(&page).expect("the page");
    let seen = |words: &str| assert!(html.contains(words), "{words} is not in {}", page.display());
    // Parts of a cycle time, its median, a share of pipelines, a person's load, why a merge request is risky.
    for words in [
        "waiting for the first review 2 h",
        "in review 5 h",
        "approved, not merged 3 h",
        "merged without review 41 h",
        "draft 3 h",
        "median 13 h",
        "failed 50.0 % (1 of 2)",
        "bo.&lt;i&gt;reviewer&lt;/i&gt;",
        "23 comments, 5 approvals, 2 waiting",
        "Of all open ones, 1 high, 0 medium, 0 low risk.",
        "conflicts, pipeline failed, 2 approvals missing, 2 unresolved threads, size XL, 4 days old, sensitive label",
        "deleted user",
        "&lt;script&gt;alert",
        "3 merge requests in 2 projects, as of 2026-01-05 11:00",
        // Where the time of whole weeks went; a group's two weeks together.
        "<td data-name=\"group\">acme</td><td data-name=\"merged\">6</td>",
        "<td data-name=\"each\">30 h</td><td data-name=\"flowing\">72 %</td><td data-name=\"rework\">4 pushes after review, 2 not reviewed</td>",
        // Now and four weeks ago.
        "<td data-name=\"group\">acme</td><td data-name=\"open\">4</td><td data-name=\"four weeks ago\">9</td><td data-name=\"median age\">30 h</td><td data-name=\"oldest\">20 days</td>",
        // Of four opened by people, and of the two in the group.
        "75 % of them",
        "<td data-name=\"group\">acme</td><td data-name=\"opened\">2</td><td data-name=\"ready for review\">2</td><td data-name=\"reviewed\">1</td>",
        // Two releases in four weeks after four; the median of three changes.
        "<b>0.5</b><span>releases a week</span><i class=\"worse\">−50 %",
        "<b>17 h</b><span>from merge to production</span>",
        "<b>50 %</b><span>failed releases</span>",
        "<b>6 h</b><span>to restore</span>",
        "failed releases 2",
    ] {
        seen(words);
    }
    for outside in ["<script", "javascript:", "src=", "<link", "url(", "@import"] {
        assert!(!html.contains(outside), "{outside} is in {}", page.display());
    }
}
