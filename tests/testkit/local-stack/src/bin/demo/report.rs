//! What a sync and dbt did, and what the marts hold.

use local_stack::{Failed, Rows, Warehouse};
use serde_json::Value;

use crate::screen::Screen;

/// Rows and requests of a sync.
pub fn sync(screen: &Screen, answer: &Value) {
    let gitlab = &answer["gitlab"];
    screen.line(&format!(
        "GitLab {} {}: {} requests, {:.1} s",
        text(&gitlab["version"]),
        if gitlab["enterprise"] == true {
            "Enterprise Edition"
        } else {
            "Community Edition"
        },
        text(&gitlab["requests"]),
        answer["elapsed_s"].as_f64().unwrap_or_default()
    ));
    let rows: Vec<Vec<String>> = answer["streams"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|stream| {
            ["stream", "requests", "rows", "written"]
                .iter()
                .map(|name| text(&stream[*name]))
                .collect()
        })
        .collect();
    screen.table(&["raw table", "requests", "rows read", "rows written"], &rows);
    for problem in answer["warnings"].as_array().into_iter().flatten() {
        screen.line(&format!("! {}; {}", text(&problem["message"]), text(&problem["hint"])));
    }
    if answer["complete"] == false {
        screen.line("! The sync ended before it was done; run this again and it goes on.");
    }
}

/// What dbt built and tested.
pub fn dbt(screen: &Screen, answer: &Value) {
    screen.heading("dbt");
    let counts = &answer["counts"];
    screen.line(&format!(
        "dbt {}: {} in {:.1} s: {} built, {} tests passed, {} failed, {} skipped",
        text(&answer["dbt_version"]),
        text(&answer["status"]),
        answer["elapsed_s"].as_f64().unwrap_or_default(),
        text(&counts["success"]),
        text(&counts["pass"]),
        counts["fail"].as_u64().unwrap_or_default() + counts["error"].as_u64().unwrap_or_default(),
        text(&counts["skipped"]),
    ));
    let nodes: Vec<&Value> = answer["nodes"].as_array().into_iter().flatten().collect();
    let seconds = |node: &Value| node["elapsed_s"].as_f64().unwrap_or_default();
    let is_model = |node: &Value| node["type"] == "model";
    let tests: f64 = nodes
        .iter()
        .filter(|node| !is_model(node))
        .map(|node| seconds(node))
        .sum();
    screen.line(&format!("all tests together took {tests:.1} s of work, four at a time"));
    let models: Vec<Vec<String>> = nodes
        .iter()
        .filter(|node| is_model(node))
        .map(|node| {
            let took = format!("{:.2}", seconds(node));
            vec![text(&node["name"]), text(&node["status"]), took]
        })
        .collect();
    screen.table(&["model", "outcome", "seconds"], &models);
    let unhappy: Vec<Vec<String>> = nodes
        .iter()
        // `no-op` is the outcome of an exposure, which has nothing to build.
        .filter(|node| !matches!(node["status"].as_str(), Some("success" | "pass" | "skipped" | "no-op")))
        .map(|node| vec![text(&node["name"]), text(&node["status"]), text(&node["message"])])
        .collect();
    if !unhappy.is_empty() {
        screen.table(&["not as it should be", "outcome", "message"], &unhappy);
    }
}

/// The top of the main mart, and cycle time by week.
pub fn marts(screen: &Screen, warehouse: &Warehouse) -> Result<(), Failed> {
    let total = warehouse.number("SELECT COUNT(*) FROM mergemind.dim_merge_requests")?;
    screen.heading(&format!("dim_merge_requests: {total} rows, the newest merged ones"));
    let rows = warehouse.query(
        "SELECT CONCAT(project_path, '!', CAST(merge_request_iid AS STRING)), title, COALESCE(author_username, '—'), size, \
         CAST(ROUND(cycle_time_hours, 1) AS STRING), COALESCE(CAST(ROUND(hours_to_first_review, 1) AS STRING), '—'), \
         CAST(approvals_count AS STRING), COALESCE(last_pipeline_status, '—') \
         FROM mergemind.dim_merge_requests WHERE state = 'merged' ORDER BY merged_at DESC, merge_request_id DESC LIMIT 10",
    )?;
    let head = [
        "merge request",
        "title",
        "author",
        "size",
        "cycle h",
        "1st review h",
        "approvals",
        "pipeline",
    ];
    screen.table(&head, &cells(rows));
    screen.heading("Median cycle time of merge requests by the week they ended in");
    // Weeks begin on Monday; written in the form that BigQuery and its emulator agree on.
    let weeks = warehouse.query(
        "SELECT CAST(week AS STRING), CAST(MAX(median) AS STRING) FROM (\
         SELECT week, PERCENTILE_CONT(cycle_time_hours, 0.5) OVER (PARTITION BY week) AS median FROM (\
         SELECT DATE_SUB(DATE(end_at), INTERVAL MOD(EXTRACT(DAYOFWEEK FROM DATE(end_at)) + 5, 7) DAY) AS week, cycle_time_hours \
         FROM mergemind.cycle_time_view)) GROUP BY week ORDER BY week DESC LIMIT 12",
    )?;
    let mut values: Vec<(String, f64)> = cells(weeks)
        .into_iter()
        .filter_map(|row| Some((row.first()?.clone(), row.get(1)?.parse().ok()?)))
        .collect();
    values.reverse();
    screen.chart("h", &values);
    Ok(())
}

/// A result's cells as text; NULL is a dash.
pub fn cells(rows: Rows) -> Vec<Vec<String>> {
    rows.into_iter()
        .map(|row| row.into_iter().map(|cell| cell.unwrap_or_else(|| "—".into())).collect())
        .collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "—".into(),
        other => other.to_string(),
    }
}
