locals {
  jobs = {
    sync = {
      text     = "Syncs GitLab, then has dbt run."
      schedule = local.sync_schedule
      target   = "connector"
      body     = { source = "scheduler" }
    }
    reconcile = {
      text     = "Marks rows that are gone from GitLab."
      schedule = var.reconcile_schedule
      target   = "connector"
      body     = { source = "scheduler", reconcile = true }
    }
    full-build = {
      text     = "Builds and tests all models, whatever changed."
      schedule = var.full_build_schedule
      target   = "trigger"
      body     = { source = "scheduler", action = "run_dbt", full_refresh = false }
    }
  }

  # Each job in each region; they run in one.
  scheduled = merge([
    for region in local.service_regions : { for key, job in local.jobs : "${region}/${key}" => merge(job, { region = region, key = key }) }
  ]...)
}

resource "google_cloud_scheduler_job" "this" {
  for_each = local.scheduled

  project     = var.project_id
  name        = "${var.name}-${each.value.key}"
  region      = each.value.region
  description = each.value.text
  schedule    = each.value.schedule
  time_zone   = var.time_zone
  paused      = each.value.region != local.live_region

  attempt_deadline = "${each.value.target == "connector" ? local.attempt_deadline_seconds : local.trigger_wait_seconds}s"

  retry_config {
    # What fails now is mended by the next call; retrying bridges a restart, no more.
    retry_count          = 2
    min_backoff_duration = "30s"
    max_backoff_duration = "300s"
    max_doublings        = 3
  }

  http_target {
    http_method = "POST"
    uri         = "${each.value.target == "connector" ? module.connector[each.value.region].uri : module.trigger[each.value.region].uri}/"
    headers     = { "Content-Type" = "application/json" }
    body        = base64encode(jsonencode(each.value.body))

    oidc_token {
      service_account_email = google_service_account.this["scheduler"].email
      audience              = each.value.target == "connector" ? module.connector[each.value.region].uri : local.trigger_audience
    }
  }

  depends_on = [google_project_service.this]
}
