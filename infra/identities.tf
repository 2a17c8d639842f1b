# An account for each part, each with what it needs and nothing for the whole project where a narrower place exists.
resource "google_service_account" "this" {
  for_each = {
    connector = "gitlab-connector: writes raw tables, reads its tokens, calls dbt-trigger"
    trigger   = "dbt-trigger: reads raw tables, writes marts and artifacts"
    scheduler = "Cloud Scheduler: calls both functions"
    build     = "Cloud Build: pushes images"
  }

  account_id   = "${var.name}-${each.key}"
  display_name = "${var.name} ${each.key}"
  description  = each.value
  depends_on   = [google_project_service.this]
}

# BigQuery has no narrower place for running jobs than the project.
resource "google_project_iam_member" "jobs" {
  for_each = toset(["connector", "trigger"])

  project = var.project_id
  role    = "roles/bigquery.jobUser"
  member  = google_service_account.this[each.value].member
}

# Nor has Logging for writing what a build says, or Storage for the archive that `gcloud builds submit` uploads.
resource "google_project_iam_member" "build" {
  for_each = toset(["roles/logging.logWriter", "roles/storage.objectViewer"])

  project = var.project_id
  role    = each.value
  member  = google_service_account.this["build"].member
}
