locals {
  # Two charts a row, in the order in which one asks: is it fresh, is it whole, what does it take?
  charts = [
    { title = "Sync lag (ms, median)", metric = "sync_lag", aligner = "ALIGN_PERCENTILE_50" },
    { title = "Syncs that ended, an hour", metric = "syncs", aligner = "ALIGN_SUM" },
    { title = "Sync duration (ms, p95)", metric = "sync_duration", aligner = "ALIGN_PERCENTILE_95" },
    { title = "Failed calls of the connector", metric = "sync_failures", aligner = "ALIGN_SUM" },
    { title = "Rows written by a sync (p95)", metric = "rows_written", aligner = "ALIGN_PERCENTILE_95" },
    { title = "Requests to GitLab of a sync (p95)", metric = "gitlab_requests", aligner = "ALIGN_PERCENTILE_95" },
    { title = "Rejected rows", metric = "rejected_rows", aligner = "ALIGN_SUM" },
    { title = "Syncs that could not read everything", metric = "partial_syncs", aligner = "ALIGN_SUM" },
    { title = "GitLab refuses the token", metric = "gitlab_refusals", aligner = "ALIGN_SUM" },
    { title = "GitLab's token expires soon", metric = "token_expiry", aligner = "ALIGN_SUM" },
    { title = "dbt run duration (ms, p95)", metric = "dbt_duration", aligner = "ALIGN_PERCENTILE_95" },
    { title = "dbt runs that failed", metric = "dbt_failures", aligner = "ALIGN_SUM" },
    { title = "dbt runs with failing tests", metric = "test_failures", aligner = "ALIGN_SUM" },
  ]
}

resource "google_monitoring_dashboard" "this" {
  project = var.project_id
  dashboard_json = jsonencode({
    displayName = "${var.name} pipeline"
    mosaicLayout = {
      columns = 48
      tiles = [
        # The API leaves a position of zero out, and would differ from a text that has it in every plan.
        for index, chart in local.charts : merge(
          index % 2 == 0 ? {} : { xPos = 24 },
          index < 2 ? {} : { yPos = 16 * floor(index / 2) },
          {
            width  = 24
            height = 16
            widget = {
              title = chart.title
              xyChart = {
                dataSets = [{
                  plotType   = "LINE"
                  targetAxis = "Y1"
                  timeSeriesQuery = {
                    timeSeriesFilter = {
                      filter = "resource.type = \"cloud_run_revision\" AND metric.type = \"logging.googleapis.com/user/${google_logging_metric.this[chart.metric].name}\""
                      aggregation = {
                        alignmentPeriod    = "3600s"
                        perSeriesAligner   = chart.aligner
                        crossSeriesReducer = chart.aligner == "ALIGN_SUM" ? "REDUCE_SUM" : "REDUCE_MAX"
                      }
                    }
                  }
                }]
              }
            }
        })
      ]
    }
  })
}
