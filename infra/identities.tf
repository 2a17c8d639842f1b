locals {
  # The public instance has an account of its own: what reaches it from outside can be taken its rights without the syncs'.
  more_accounts = var.webhooks ? { webhooks = "the public gitlab-connector: as gitlab-connector" } : {}
}

# An account for each part, each with what it needs and nothing for the whole project where a narrower place exists.
resource "google_service_account" "this" {
  for_each = merge({
    connector = "gitlab-connector: writes raw tables, reads its tokens, calls dbt-trigger"
    trigger   = "dbt-trigger: reads raw tables, writes marts and artifacts"
    scheduler = "Cloud Scheduler: calls both functions"
    build     = "Cloud Build: pushes images"
  }, local.more_accounts)

  project      = var.project_id
  account_id   = "${var.name}-${each.key}"
  display_name = "${var.name} ${each.key}"
  description  = each.value
  depends_on   = [google_project_service.this]
}

# BigQuery has no narrower place for running jobs than the project.
resource "google_project_iam_member" "jobs" {
  for_each = setintersection(["connector", "trigger", "webhooks"], keys(google_service_account.this))

  project = var.project_id
  role    = "roles/bigquery.jobUser"
  member  = google_service_account.this[each.value].member
}

# Those who may call the functions as the scheduler does: scripts/smoke and the runbooks do.
resource "google_service_account_iam_member" "operators" {
  for_each = var.operators

  service_account_id = google_service_account.this["scheduler"].name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = each.value
}

resource "google_secret_manager_secret_iam_member" "operators" {
  for_each = var.operators

  project   = var.project_id
  secret_id = google_secret_manager_secret.this["trigger-token"].id
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value
}
