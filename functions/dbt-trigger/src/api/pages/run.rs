//! One run: its nodes along time, who waited for whom, and what went wrong.

use std::collections::HashMap;

use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::layout::{colour, moment, page, seconds};

/// The page of a run as [`crate::run::Run::whole`] tells it, with the names of its artifacts.
pub fn run(run: &Value, artifacts: &[&str]) -> Response {
    let (run_id, status) = (text(run, "run_id"), text(run, "status"));
    let is_busy = colour(status) == "busy";
    let content = html! {
        p.links { a href="/runs" { "← All runs" } }
        h1 { (text(run, "action")) " for " (text(run, "source")) ": " span class=(colour(status)) { (status) } }
        (facts(run))
        @if let Some(problem) = run["problem"].as_str() { pre.bad { (problem) } }
        // Another instance's can't be cancelled here.
        @if is_busy && run["instance"].is_null() {
            form method="post" action=(format!("/runs/{run_id}/cancel")) { button { "Cancel this run" } }
        }
        (nodes(run))
        @if !artifacts.is_empty() {
            h2 { "Artifacts" }
            p.links {
                @for name in artifacts {
                    a href=(format!("/runs/{run_id}/artifacts/{name}")) {
                        @if *name == "index.html" { "dbt docs" } @else { (name) }
                    }
                }
            }
        }
    };
    page(&format!("{status}: run {run_id}"), is_busy.then_some(2), &content)
}

fn facts(run: &Value) -> Markup {
    let fact = |name: &str, value: Option<String>| {
        html! { @if let Some(value) = value.filter(|value| !value.is_empty()) { dt { (name) } dd { (value) } } }
    };
    let counts = run["counts"].as_object();
    let counts = counts.map(|counts| {
        let told = counts
            .iter()
            .filter(|(name, count)| *name != "total" && count.as_u64() != Some(0));
        told.map(|(name, count)| format!("{count} {name}"))
            .collect::<Vec<_>>()
            .join(", ")
    });
    let callers = run["callers"].as_u64().map(|count| {
        let named = run["called_by"].as_array().into_iter().flatten().take(5);
        let named: Vec<_> = named
            .map(|by| format!("{} ({})", text(by, "source"), text(by, "caller")))
            .collect();
        format!("{count}: {}{}", named.join(", "), if count > 5 { " …" } else { "" })
    });
    let list = |name: &str| {
        let items = run[name].as_array()?.iter().filter_map(Value::as_str);
        Some(items.collect::<Vec<_>>().join(", "))
    };
    html! {
        dl {
            (fact("Began", run["started_at"].as_str().map(|at| format!("{} UTC", moment(at)))))
            (fact("Took", run["elapsed_s"].as_f64().map(seconds)))
            (fact("Nodes", counts))
            (fact("Callers", callers))
            (fact("Changed tables", list("changed_tables")))
            (fact("Selection", run["selection"].as_object().map(|_| run["selection"].to_string())))
            (fact("Arguments", list("selectors")))
            (fact("dbt", run["dbt_version"].as_str().map(Into::into)))
            (fact("Project", run["project_version"].as_str().map(Into::into)))
            (fact("Run", run["run_id"].as_str().map(Into::into)))
        }
    }
}

/// A node and when it was under way, in seconds of the run.
struct Bar<'a> {
    node: &'a Value,
    from: f64,
    to: f64,
}

fn nodes(run: &Value) -> Markup {
    let all = run["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        return html! {};
    }
    let mut bars: Vec<Bar> = all
        .iter()
        .map(|node| {
            let from = node["started_s"].as_f64().unwrap_or(0.0);
            Bar {
                node,
                from,
                to: from + node["elapsed_s"].as_f64().unwrap_or(0.0),
            }
        })
        .collect();
    bars.sort_by(|a, b| a.from.total_cmp(&b.from));
    let end = bars.iter().map(|bar| bar.to).fold(0.001, f64::max);
    let ends: HashMap<&str, (f64, &str)> = bars
        .iter()
        .map(|bar| (text(bar.node, "node"), (bar.to, text(bar.node, "name"))))
        .collect();
    let is_quiet = |bar: &&Bar| text(bar.node, "type").ends_with("test") && colour(text(bar.node, "status")) == "good";
    let (quiet, loud): (Vec<_>, Vec<_>) = bars.iter().partition(is_quiet);
    html! {
        h2 { "Along time" }
        ul.nodes { @for bar in &loud { (row(bar, end, &ends)) } }
        @if !quiet.is_empty() {
            details {
                summary { (quiet.len()) @if quiet.len() == 1 { " test" } @else { " tests" } " passed" }
                ul.nodes { @for bar in &quiet { (row(bar, end, &ends)) } }
            }
        }
    }
}

fn row(bar: &Bar, end: f64, ends: &HashMap<&str, (f64, &str)>) -> Markup {
    let node = bar.node;
    let status = text(node, "status");
    let parents = node["after"].as_array().into_iter().flatten().filter_map(Value::as_str);
    // Of all that it needed, the one that came last is what it waited for.
    let last = parents
        .filter_map(|parent| ends.get(parent))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let style = format!(
        "left:{:.2}%;width:{:.2}%",
        bar.from / end * 100.0,
        (bar.to - bar.from) / end * 100.0
    );
    let is_well = colour(status) == "good";
    html! {
        li {
            span {
                span.name { (text(node, "name")) } " "
                span class=(format!("dim {}", colour(status))) { (text(node, "type")) " " (status) }
                @if let Some((_, name)) = last { br; span.dim { "after " (name) } }
            }
            span.track { span class=(format!("bar {}", colour(status))) style=(style) {} }
            span.took { (seconds(bar.to - bar.from)) }
            @if !is_well {
                div.more {
                    @if let Some(message) = node["message"].as_str() { pre { (message) } }
                    @if let Some(failures) = node["failures"].as_i64().filter(|count| *count > 0) { p.dim { (failures) @if failures == 1 { " row fails" } @else { " rows fail" } } }
                    @if let Some(path) = node["compiled_path"].as_str() { p.dim { "SQL: " code { (path) } } }
                }
            }
        }
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::json;

    use super::*;

    async fn html(told: &Value) -> String {
        let body = run(told, &["manifest.json", "index.html"]).into_body();
        String::from_utf8(to_bytes(body, usize::MAX).await.expect("a page").to_vec()).expect("text")
    }

    #[tokio::test]
    async fn a_page_shows_who_waited_for_whom_and_what_failed() {
        let page = html(&json!({"run_id": "r1", "status": "error", "action": "run_dbt", "source": "me", "callers": 1, "elapsed_s": 3.0,
            "problem": "dbt failed", "counts": {"total": 3, "success": 1, "error": 1, "pass": 1}, "nodes": [
            {"node": "model.p.a", "name": "a", "type": "model", "status": "success", "started_s": 0.0, "elapsed_s": 1.0},
            {"node": "model.p.b", "name": "b", "type": "model", "status": "error", "started_s": 1.0, "elapsed_s": 1.0, "after": ["model.p.a"],
             "message": "Syntax error at [3:7]", "compiled_path": "target/compiled/b.sql"},
            {"node": "test.p.t", "name": "t", "type": "test", "status": "pass", "started_s": 1.0, "elapsed_s": 0.5},
        ]}))
        .await;
        for wanted in [
            "after a",
            "Syntax error at [3:7]",
            "target/compiled/b.sql",
            "left:50.00%;width:50.00%",
            "1 test passed",
            "dbt docs",
            "/runs/r1/artifacts/manifest.json",
        ] {
            assert!(page.contains(wanted), "{wanted} is missing in {page}");
        }
        assert!(!page.contains("http-equiv"), "it has ended");
    }

    #[tokio::test]
    async fn what_others_wrote_is_never_markup() {
        let evil = "<script>alert(1)</script>";
        let page = html(&json!({"run_id": evil, "status": evil, "action": evil, "source": evil, "problem": evil,
            "nodes": [{"node": evil, "name": evil, "type": evil, "status": evil, "message": evil, "compiled_path": evil}]}))
        .await;
        assert!(!page.contains("<script"), "{page}");
    }

    #[tokio::test]
    async fn a_running_run_can_be_cancelled_and_is_looked_at_again() {
        let page = html(&json!({"run_id": "r1", "status": "running"})).await;
        assert!(
            page.contains(r#"action="/runs/r1/cancel""#) && page.contains("http-equiv=\"refresh\""),
            "{page}"
        );
        let page = html(&json!({"run_id": "r1", "status": "running", "instance": "another"})).await;
        assert!(!page.contains("<form"), "{page}");
    }
}
