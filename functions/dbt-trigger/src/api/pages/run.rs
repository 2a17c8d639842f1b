//! One run: its nodes along time, who waited for whom, and what went wrong.

use std::collections::HashMap;

use axum::response::Response;
use maud::{Markup, html};

use super::layout::{colour, moment, page, seconds};
use crate::run::{Node, RunView};

/// The page of a run, with the names of its artifacts.
pub fn run(run: &RunView, artifacts: &[&str]) -> Response {
    let RunView { run_id, status, .. } = run;
    let is_busy = colour(status) == "busy";
    let content = html! {
        p.links { a href="/runs" { "← All runs" } }
        h1 { (run.action) " for " (run.source) ": " span class=(colour(status)) { (status) } }
        (facts(run))
        @if let Some(problem) = run.problem.as_ref().and_then(Option::as_ref) { pre.bad { (problem) } }
        // Another instance's can't be cancelled here.
        @if is_busy && run.instance.is_none() {
            form method="post" action=(format!("/runs/{run_id}/cancel")) { button { "Cancel this run" } }
        }
        (nodes(run.nodes.as_deref().unwrap_or_default()))
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

fn facts(run: &RunView) -> Markup {
    let fact = |name: &str, value: Option<String>| {
        html! { @if let Some(value) = value.filter(|value| !value.is_empty()) { dt { (name) } dd { (value) } } }
    };
    let counts = run.counts.map(|counts| {
        let counts = counts.by_status();
        let named: Vec<_> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
        named.join(", ")
    });
    let callers = run.callers.map(|count| {
        let named = run.called_by.iter().flatten().take(5);
        let named: Vec<_> = named.map(|by| format!("{} ({})", by.source, by.caller)).collect();
        format!("{count}: {}{}", named.join(", "), if count > 5 { " …" } else { "" })
    });
    let list = |items: &Option<Vec<String>>| Some(items.as_ref()?.join(", "));
    let selection = run.selection.as_ref();
    html! {
        dl {
            (fact("Began", run.started_at.as_ref().map(|at| format!("{} UTC", moment(at)))))
            (fact("Took", run.elapsed_s.flatten().map(seconds)))
            (fact("Nodes", counts))
            (fact("Callers", callers))
            (fact("Changed tables", list(&run.changed_tables)))
            (fact("NodeSelection", selection.and_then(|selection| serde_json::to_string(selection).ok())))
            (fact("Arguments", list(&run.selectors)))
            (fact("dbt", run.dbt_version.clone().flatten()))
            (fact("Project", run.project_version.clone()))
            (fact("Run", Some(run.run_id.clone())))
        }
    }
}

/// A node and when it was under way, in seconds of the run.
struct Bar<'a> {
    node: &'a Node,
    from: f64,
    to: f64,
}

fn nodes(all: &[Node]) -> Markup {
    if all.is_empty() {
        return html! {};
    }
    let mut bars: Vec<Bar> = all
        .iter()
        .map(|node| {
            let from = node.started_s.unwrap_or(0.0);
            let to = from + node.elapsed_s;
            Bar { node, from, to }
        })
        .collect();
    bars.sort_by(|a, b| a.from.total_cmp(&b.from));
    let end = bars.iter().map(|bar| bar.to).fold(0.001, f64::max);
    let ends: HashMap<&str, (f64, &str)> = bars
        .iter()
        .map(|bar| (bar.node.node.as_str(), (bar.to, bar.node.name.as_str())))
        .collect();
    let is_quiet = |bar: &&Bar| bar.node.kind.ends_with("test") && colour(&bar.node.status) == "good";
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
    // Of all that it needed, the one that came last is what it waited for.
    let parents = node.after.iter().filter_map(|parent| ends.get(parent.as_str()));
    let last = parents.max_by(|a, b| a.0.total_cmp(&b.0));
    let style = format!(
        "left:{:.2}%;width:{:.2}%",
        bar.from / end * 100.0,
        (bar.to - bar.from) / end * 100.0
    );
    let colour = colour(&node.status);
    html! {
        li {
            span {
                span.name { (node.name) } " "
                span class=(format!("dim {colour}")) { (node.kind) " " (node.status) }
                @if let Some((_, name)) = last { br; span.dim { "after " (name) } }
            }
            span.track { span class=(format!("bar {colour}")) style=(style) {} }
            span.took { (seconds(bar.to - bar.from)) }
            @if colour != "good" {
                div.more {
                    @if let Some(message) = &node.message { pre { (message) } }
                    @if let Some(failures) = node.failures.filter(|count| *count > 0) { p.dim { (failures) @if failures == 1 { " row fails" } @else { " rows fail" } } }
                    @if let Some(path) = &node.compiled_path { p.dim { "SQL: " code { (path) } } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    async fn html(view: &serde_json::Value) -> String {
        let view = RunView::deserialize(view).expect("a run");
        let body = run(&view, &["manifest.json", "index.html"]).into_body();
        String::from_utf8(to_bytes(body, usize::MAX).await.expect("a page").to_vec()).expect("text")
    }

    #[tokio::test]
    async fn a_page_shows_who_waited_for_whom_and_what_failed() {
        let page = html(&json!({"run_id": "r1", "status": "error", "action": "run_dbt", "source": "me", "callers": 1, "elapsed_s": 3.0,
            "problem": "dbt failed", "counts": {"total": 3, "success": 1, "error": 1, "pass": 1, "warn": 0, "fail": 0, "skipped": 0}, "nodes": [
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
