resource "google_monitoring_notification_channel" "email" {
  for_each = var.alert_emails

  display_name = "${var.name}: ${each.value}"
  type         = "email"
  project      = var.project_id
  # An address may go although policies name it: Google takes it out of them.
  force_delete = true
  labels       = { email_address = each.value }
  depends_on   = [google_project_service.this]
}

locals {
  # Without an address, the place in the repository.
  runbooks = coalesce(var.runbook_url, "docs/runbooks")
  channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  # Monitoring's checks come from outside.
  checked = local.deployed && var.ingress == "all"

  # Three syncs may fail before somebody is disturbed; Monitoring waits for a day at most.
  silence_seconds = min(max(3 * var.sync_interval * 60, 3600), 84600)

  # Each fires as soon as the metric counts something within an hour.
  counted_alerts = {
    sync_failures   = { title = "Syncs fail", more_than = 2, severity = "ERROR", runbook = "sync-lag" }
    gitlab_refusals = { title = "GitLab refuses the token", more_than = 0, severity = "CRITICAL", runbook = "gitlab-refuses" }
    token_expiry    = { title = "GitLab's token expires soon", more_than = 0, severity = "WARNING", runbook = "token-rotation" }
    partial_syncs   = { title = "A group or project can't be read", more_than = 2, severity = "ERROR", runbook = "gitlab-refuses" }
    incomplete      = { title = "A project is not complete", more_than = 0, severity = "WARNING", runbook = "incomplete" }
    rejected_rows   = { title = "Rows were rejected", more_than = 0, severity = "WARNING", runbook = "sync-lag" }
    dbt_failures    = { title = "dbt does not build everything", more_than = 0, severity = "ERROR", runbook = "dbt-timeout" }
    test_failures   = { title = "dbt tests fail", more_than = 0, severity = "WARNING", runbook = "failing-tests" }
  }
}

resource "google_monitoring_alert_policy" "counted" {
  for_each = { for key, alert in local.counted_alerts : key => alert if local.deployed }

  project               = var.project_id
  display_name          = "${var.name}: ${each.value.title}"
  severity              = each.value.severity
  combiner              = "OR"
  notification_channels = local.channels

  conditions {
    display_name = each.value.title
    condition_threshold {
      filter          = "resource.type = \"cloud_run_revision\" AND metric.type = \"logging.googleapis.com/user/${google_logging_metric.this[each.key].name}\""
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.more_than
      duration        = "0s"
      aggregations {
        alignment_period     = "3600s"
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  alert_strategy {
    auto_close = "86400s"
  }

  documentation {
    mime_type = "text/markdown"
    content   = "${local.metrics[each.key].text} What to do: ${local.runbooks}/${each.value.runbook}.md"
  }
}

resource "google_monitoring_alert_policy" "sync_lag" {
  count = local.deployed ? 1 : 0

  project               = var.project_id
  display_name          = "${var.name}: No sync ended"
  severity              = "ERROR"
  combiner              = "OR"
  notification_channels = local.channels

  conditions {
    display_name = "No sync ended for ${local.silence_seconds / 60} minutes"
    condition_absent {
      filter   = "resource.type = \"cloud_run_revision\" AND metric.type = \"logging.googleapis.com/user/${google_logging_metric.this["syncs"].name}\""
      duration = "${local.silence_seconds}s"
      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  # A sync that always stops at its deadline ends, and yet falls behind.
  conditions {
    display_name = "The warehouse is ${4 * local.silence_seconds / 60} minutes behind GitLab"
    condition_threshold {
      filter          = "resource.type = \"cloud_run_revision\" AND metric.type = \"logging.googleapis.com/user/${google_logging_metric.this["sync_lag"].name}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 4 * local.silence_seconds * 1000 # of milliseconds
      duration        = "0s"
      aggregations {
        alignment_period     = "3600s"
        per_series_aligner   = "ALIGN_PERCENTILE_50"
        cross_series_reducer = "REDUCE_MIN"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "The warehouse falls behind GitLab. What to do: ${local.runbooks}/sync-lag.md"
  }
}

resource "google_monitoring_alert_policy" "token_due" {
  count = local.deployed ? 1 : 0

  project               = var.project_id
  display_name          = "${var.name}: A token is due for rotation"
  severity              = "WARNING"
  combiner              = "OR"
  notification_channels = local.channels

  conditions {
    display_name = "Secret Manager reminds of a token"
    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${google_pubsub_subscription.rotation.name}\" AND metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"
      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "A token is ${var.secret_rotation_days} days old. What to do: ${local.runbooks}/token-rotation.md"
  }
}

# The connector's description, which costs nothing and runs nothing. Not dbt-trigger's: each visit would keep an
# instance alive that is paid for as long as it lives.
resource "google_monitoring_uptime_check_config" "connector" {
  # One a region: a check that a policy uses can't be deleted, and another host would make it another check. So a failover
  # only points the policy to the other one.
  for_each = local.checked ? local.service_regions : []

  project      = var.project_id
  display_name = "${var.name} gitlab-connector ${each.value}"
  timeout      = "30s"
  period       = "900s"

  monitored_resource {
    type = "uptime_url"
    labels = {
      project_id = var.project_id
      host       = trimprefix(module.connector[each.value].uri, "https://")
    }
  }

  http_check {
    path         = "/"
    port         = 443
    use_ssl      = true
    validate_ssl = true
    service_agent_authentication {
      type = "OIDC_TOKEN"
    }
  }
}

resource "google_monitoring_alert_policy" "unreachable" {
  count = local.checked ? 1 : 0

  project               = var.project_id
  display_name          = "${var.name}: gitlab-connector does not answer"
  severity              = "ERROR"
  combiner              = "OR"
  notification_channels = local.channels

  conditions {
    display_name = "Two places can't reach it"
    condition_threshold {
      filter          = "resource.type = \"uptime_url\" AND metric.type = \"monitoring.googleapis.com/uptime_check/check_passed\" AND metric.labels.check_id = \"${google_monitoring_uptime_check_config.connector[local.live_region].uptime_check_id}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 1
      duration        = "0s"
      aggregations {
        alignment_period     = "1800s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_COUNT_FALSE"
        group_by_fields      = ["resource.label.host"]
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "What to do: ${local.runbooks}/region-failover.md"
  }
}
