//! The last runs: how long each took and how it ended, as a chart and as a list.

use axum::response::Response;
use maud::{Markup, html};

use super::layout::{colour, moment, page, seconds};
use crate::run::{CountsView, RunView};

/// The chart's width and height in its own units.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 120.0;

/// The page of `runs`, the newest first, each as [`RunView::brief`] has it.
pub fn list(runs: &[RunView]) -> Response {
    let is_busy = runs.iter().any(|run| colour(&run.status) == "busy");
    let content = html! {
        h1 { "Runs of dbt" }
        @if runs.is_empty() {
            p { "There has been none since this function started." }
        } @else {
            h2 { "How long " @if runs.len() == 1 { "it" } @else { "the last " (runs.len()) } " took" }
            (chart(runs))
            h2 { "Newest first" }
            ul.runs { @for run in runs { li { (line(run)) } } }
        }
    };
    page("Runs", is_busy.then_some(5), &content)
}

fn chart(runs: &[RunView]) -> Markup {
    let took = |run: &RunView| run.elapsed_s.flatten().unwrap_or(0.0);
    let longest = runs.iter().map(took).fold(0.001, f64::max);
    let step = WIDTH / runs.len().max(12) as f64;
    let failed = runs.iter().filter(|run| colour(&run.status) == "bad").count();
    let label = format!(
        "{} run{}, {failed} failed, the longest took {}",
        runs.len(),
        if runs.len() == 1 { "" } else { "s" },
        seconds(longest)
    );
    html! {
        svg.chart viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none" role="img" aria-label=(label) {
            line x1="0" x2=(WIDTH) y1=(HEIGHT) y2=(HEIGHT) {}
            // From left to right in time, as people read.
            @for (i, run) in runs.iter().rev().enumerate() {
                @let height = (took(run) / longest * HEIGHT).max(2.0);
                rect class=(colour(&run.status)) x=(format!("{:.1}", i as f64 * step)) y=(format!("{:.1}", HEIGHT - height))
                    width=(format!("{:.1}", step * 0.8)) height=(format!("{height:.1}")) {
                    title { (moment(run.started_at.as_deref().unwrap_or_default())) ": " (run.status) " in " (seconds(took(run))) }
                }
            }
        }
        p.dim { (label) }
    }
}

fn line(run: &RunView) -> Markup {
    let RunView { status, action, .. } = run;
    let began = run.started_at.as_deref().or(run.queued_at.as_deref());
    html! {
        a href=(run.url.as_deref().unwrap_or_default()) {
            span class=(format!("status {}", colour(status))) { (status) }
            span {
                span.name { (action) " for " (run.source) }
                br;
                span.dim {
                    (moment(began.unwrap_or_default()))
                    @if let Some(callers) = run.callers.filter(|count| *count > 1) { ", " (callers) " callers" }
                    @if let Some(total) = run.counts.as_ref().and_then(CountsView::total) { ", " (total) " nodes" }
                }
            }
            span.took { @if let Some(took) = run.elapsed_s.flatten() { (seconds(took)) } }
        }
    }
}
