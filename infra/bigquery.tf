# Datasets only: the connector makes the raw tables, whose columns it knows, and dbt the marts.
resource "google_bigquery_dataset" "this" {
  for_each = {
    raw     = { id = var.dataset_raw, text = "GitLab's rows as gitlab-connector got them, and its cursors. Its stage tables expire by themselves." }
    modeled = { id = var.dataset_modeled, text = "Marts made by dbt from ${var.dataset_raw}." }
    # Named as dbt does unless BQ_DATASET_STAGING says otherwise. Readers of the marts have no right here: no mart reads it when it is read.
    staging = { id = "${var.dataset_modeled}_staging", text = "dbt's way from ${var.dataset_raw} to ${var.dataset_modeled}: texts of notes and addresses of people are here." }
  }

  project                    = var.project_id
  dataset_id                 = each.value.id
  location                   = var.bq_location
  description                = each.value.text
  labels                     = merge(local.labels, { layer = each.key })
  delete_contents_on_destroy = !var.deletion_protection
  # The longest there is: rows can be read as they were up to a week ago (docs/runbooks/restore.md).
  max_time_travel_hours = "168"

  dynamic "default_encryption_configuration" {
    for_each = var.kms_keys == null ? [] : [var.kms_keys.bigquery]
    content {
      kms_key_name = default_encryption_configuration.value
    }
  }

  depends_on = [google_project_service.this, google_kms_crypto_key_iam_member.agents]
}

resource "google_bigquery_dataset_iam_member" "functions" {
  for_each = { for key, grant in {
    connector_writes_raw   = { dataset = "raw", role = "roles/bigquery.dataEditor", who = "connector" }
    webhooks_write_raw     = { dataset = "raw", role = "roles/bigquery.dataEditor", who = "webhooks" }
    trigger_reads_raw      = { dataset = "raw", role = "roles/bigquery.dataViewer", who = "trigger" }
    trigger_writes_models  = { dataset = "modeled", role = "roles/bigquery.dataEditor", who = "trigger" }
    trigger_writes_staging = { dataset = "staging", role = "roles/bigquery.dataEditor", who = "trigger" }
  } : key => grant if contains(keys(google_service_account.this), grant.who) }

  project    = var.project_id
  dataset_id = google_bigquery_dataset.this[each.value.dataset].dataset_id
  role       = each.value.role
  member     = google_service_account.this[each.value.who].member
}

resource "google_bigquery_dataset_iam_member" "readers" {
  for_each = var.readers

  project    = var.project_id
  dataset_id = google_bigquery_dataset.this["modeled"].dataset_id
  role       = "roles/bigquery.dataViewer"
  member     = each.value
}
