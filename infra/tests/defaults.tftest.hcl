# What one gets by saying no more than the project, the image and a group.

mock_provider "google" {}

variables {
  project_id    = "acme-data-123"
  image_tag     = "0123456789ab"
  gitlab_groups = ["acme", "partners/shared"]
}

run "defaults" {
  command = plan

  assert {
    condition     = keys(module.connector) == ["europe-west1"] && keys(module.trigger) == ["europe-west1"]
    error_message = "Both functions run in one region."
  }
  assert {
    condition     = length(module.webhooks) == 0
    error_message = "Nothing is public unless asked for."
  }
  assert {
    condition     = google_cloud_scheduler_job.this["europe-west1/sync"].schedule == "0 * * * *"
    error_message = "A sync an hour."
  }
  assert {
    condition     = google_cloud_scheduler_job.this["europe-west1/sync"].paused == false
    error_message = "The only region is the active one."
  }
  assert {
    condition     = google_cloud_scheduler_job.this["europe-west1/sync"].attempt_deadline == "1800s"
    error_message = "The scheduler waits as long as it can."
  }
  assert {
    condition     = jsondecode(base64decode(google_cloud_scheduler_job.this["europe-west1/reconcile"].http_target[0].body)).reconcile
    error_message = "The daily reconciliation asks for one."
  }
  assert {
    condition     = jsondecode(base64decode(google_cloud_scheduler_job.this["europe-west1/full-build"].http_target[0].body)).action == "run_dbt"
    error_message = "The daily build asks dbt-trigger for a run."
  }
  assert {
    condition     = keys(google_secret_manager_secret.this) == ["gitlab-token", "trigger-token"]
    error_message = "Two secrets are enough for the private pair."
  }
  assert {
    condition     = google_pubsub_subscription.rotation.filter == "attributes.eventType = \"SECRET_ROTATE\""
    error_message = "A new secret or version is no reminder to change one."
  }
  assert {
    condition     = google_bigquery_dataset.this["raw"].location == "EU" && google_bigquery_dataset.this["modeled"].location == "EU"
    error_message = "Both datasets are in one place."
  }
  assert {
    condition     = google_bigquery_dataset.this["raw"].delete_contents_on_destroy == false
    error_message = "A slip does not delete rows."
  }
  assert {
    condition     = length(google_pubsub_topic.events) + length(google_billing_budget.this) + length(google_kms_crypto_key_iam_member.agents) == 0
    error_message = "What is optional is off."
  }
  assert {
    condition     = module.connector["europe-west1"].limits == { memory = "512Mi", instances = 1 } && module.trigger["europe-west1"].limits == { memory = "1024Mi", instances = 1 }
    error_message = "One instance each, of the usual size."
  }
  assert {
    condition     = !module.connector["europe-west1"].public && !module.trigger["europe-west1"].public && module.connector["europe-west1"].subnetwork == null
    error_message = "Private, and without a network."
  }
  assert {
    condition     = anytrue([for step in output.next_steps : strcontains(step, "runbook_url")])
    error_message = "What is left to do names the missing address of the runbooks."
  }
  assert {
    condition     = length(google_monitoring_alert_policy.counted) == length(local.counted_alerts)
    error_message = "Alerts exist, whether or not somebody is told."
  }
}

run "intervals_become_schedules" {
  command = plan

  variables {
    sync_interval = 15
  }

  assert {
    condition     = google_cloud_scheduler_job.this["europe-west1/sync"].schedule == "*/15 * * * *"
    error_message = "Every 15 minutes."
  }
  assert {
    condition     = local.connector_environment.SYNC_INTERVAL_HOURS == "0.25"
    error_message = "The connector is told the same interval, in hours."
  }
}

run "hours_become_schedules" {
  command = plan

  variables {
    sync_interval = 240
  }

  assert {
    condition     = google_cloud_scheduler_job.this["europe-west1/sync"].schedule == "0 */4 * * *"
    error_message = "Every four hours."
  }
}

run "a_day_becomes_a_schedule" {
  command = plan

  variables {
    sync_interval = 1440
  }

  assert {
    condition     = google_cloud_scheduler_job.this["europe-west1/sync"].schedule == "0 0 * * *"
    error_message = "Once a day."
  }
}
