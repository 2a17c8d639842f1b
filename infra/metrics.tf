# Metrics from log lines that the functions write; tests/images has the functions write them all.
locals {
  services = {
    connector = "resource.type=\"cloud_run_revision\" AND jsonPayload.service=\"gitlab-connector\""
    trigger   = "resource.type=\"cloud_run_revision\" AND jsonPayload.service=\"dbt-trigger\""
  }

  # docs/logs.md lists the events and their fields.
  lines = {
    sync_ended   = "${local.services.connector} AND jsonPayload.event=\"sync_ended\""
    sync_failed  = "${local.services.connector} AND jsonPayload.event=\"request_ended\" AND severity=\"ERROR\" AND jsonPayload.code:*"
    token_failed = "${local.services.connector} AND jsonPayload.event=\"request_ended\" AND jsonPayload.code=\"gitlab_unauthorized\""
    token_ends   = "${local.services.connector} AND jsonPayload.event=\"token_expires\""
    sync_partial = "${local.services.connector} AND jsonPayload.event=\"not_synced\""
    incomplete   = "${local.services.connector} AND jsonPayload.event=\"project_incomplete\""
    row_rejected = "${local.services.connector} AND jsonPayload.event=\"row_rejected\""
    dbt_ended    = "${local.services.trigger} AND jsonPayload.event=\"run_ended\""
    dbt_failed   = "${local.services.trigger} AND jsonPayload.event=\"run_ended\" AND severity=\"ERROR\""
    tests_failed = "${local.services.trigger} AND jsonPayload.event=\"run_ended\" AND jsonPayload.status=\"warning\""
  }

  # Without a field a metric counts lines; with one it collects the field's values.
  metrics = {
    syncs           = { line = "sync_ended", field = null, unit = "1", text = "Syncs that ended." }
    sync_duration   = { line = "sync_ended", field = "elapsedMs", unit = "ms", text = "How long a sync took." }
    sync_lag        = { line = "sync_ended", field = "lagMs", unit = "ms", text = "How old the newest complete state of GitLab is when a sync ends." }
    gitlab_requests = { line = "sync_ended", field = "requests", unit = "1", text = "Requests to GitLab of a sync." }
    rows_written    = { line = "sync_ended", field = "rowsWritten", unit = "1", text = "Rows a sync inserted or changed." }
    sync_failures   = { line = "sync_failed", field = null, unit = "1", text = "Calls of the connector that ended in an error." }
    gitlab_refusals = { line = "token_failed", field = null, unit = "1", text = "Calls that failed because GitLab refuses the token." }
    partial_syncs   = { line = "sync_partial", field = null, unit = "1", text = "Groups, projects or lists that a sync could not read." }
    incomplete      = { line = "incomplete", field = null, unit = "1", text = "Projects that have not been equal to GitLab for two days, each time they are looked at." }
    token_expiry    = { line = "token_ends", field = null, unit = "1", text = "Syncs that met a GitLab token near its end." }
    rejected_rows   = { line = "row_rejected", field = null, unit = "1", text = "Rows kept in _rejected because they could not be mapped." }
    dbt_duration    = { line = "dbt_ended", field = "elapsedMs", unit = "ms", text = "How long a dbt run took." }
    dbt_failures    = { line = "dbt_failed", field = null, unit = "1", text = "dbt runs that did not build everything." }
    test_failures   = { line = "tests_failed", field = null, unit = "1", text = "dbt runs in which tests failed or warned." }
  }
}

resource "google_logging_metric" "this" {
  for_each = local.metrics

  project         = var.project_id
  name            = "${var.name}/${each.key}"
  description     = each.value.text
  filter          = local.lines[each.value.line]
  value_extractor = each.value.field == null ? null : "EXTRACT(jsonPayload.${each.value.field})"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = each.value.field == null ? "INT64" : "DISTRIBUTION"
    unit        = each.value.unit
  }

  dynamic "bucket_options" {
    for_each = each.value.field == null ? [] : [1]
    content {
      # From 1 to about 10 million, each bucket 1.5 times as wide as the one before.
      exponential_buckets {
        num_finite_buckets = 40
        growth_factor      = 1.5
        scale              = 1
      }
    }
  }

  depends_on = [google_project_service.this]
}
