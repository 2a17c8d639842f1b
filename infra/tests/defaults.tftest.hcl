# What one gets by saying no more than the project, the image and a group.

mock_provider "google" {}

variables {
  project_id = "acme-data-123"
  images = { for region in ["europe-west1", "europe-west4"] : region => {
    connector = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
    trigger   = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
  } }
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
    condition     = length(google_monitoring_alert_policy.counted) == length(local.counted_alerts) && length(google_monitoring_alert_policy.unreachable) == 1
    error_message = "Alerts exist, whether or not somebody is told."
  }
}

run "without_images_only_the_foundation_is_made" {
  command = plan

  variables {
    images = {}
  }

  assert {
    condition     = length(module.connector) + length(module.trigger) + length(google_cloud_scheduler_job.this) == 0
    error_message = "Nothing that needs an image."
  }
  assert {
    condition     = length(google_monitoring_alert_policy.counted) + length(google_monitoring_alert_policy.sync_lag) == 0
    error_message = "No alert on a metric that Google does not know yet."
  }
  assert {
    condition     = length(google_secret_manager_secret_iam_member.readers) == 3 && length(google_logging_metric.this) == length(local.metrics) && length(google_bigquery_dataset.this) == 3
    error_message = "Roles, metrics and datasets are there before the first service."
  }
  assert {
    condition     = output.urls == null && anytrue([for step in output.next_steps : strcontains(step, "scripts/deploy")])
    error_message = "It says what is missing, and the command."
  }
}

run "a_region_without_images_gets_no_services_yet" {
  command = plan

  variables {
    second_region = "europe-west3"
    active_region = "europe-west3"
  }

  assert {
    condition     = keys(google_artifact_registry_repository.images) == ["europe-west1", "europe-west3"] && keys(module.connector) == ["europe-west1"]
    error_message = "Its registry comes first."
  }
  assert {
    condition     = !google_cloud_scheduler_job.this["europe-west1/sync"].paused
    error_message = "The region that has services goes on."
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
