locals {
  labels = merge({ app = var.name }, var.labels)

  regions       = toset(compact([var.region, var.second_region]))
  active_region = coalesce(var.active_region, var.region)

  # Cloud Scheduler waits no longer than this for an answer.
  attempt_deadline_seconds = 1800
  # A caller may arrive just after a run began: it waits for that one and then for its own, and for dbt to start.
  trigger_wait_seconds = 2 * var.dbt_timeout_seconds + 60
  margin_seconds       = 30

  # Of dbt-trigger's memory: what its files in /tmp may take, and what is left for the function itself, for dbt's
  # processes besides the worker, and for a worker that grows during its last run.
  trigger_files_mib = 256
  trigger_rest_mib  = 256

  # What callers' ID tokens for dbt-trigger are made for. A name of our own (Cloud Run's "custom audience"), because a
  # service can't be told its address before it exists. Nothing has to answer there.
  trigger_audience = "https://dbt-trigger.${var.name}.${var.project_id}.internal"

  # Variables that services.tf or Cloud Run sets. A list of its own: a variable's validation can't look at what is made
  # of other variables. tests/infra compares it with the services.
  set_here = {
    connector = [
      "PORT", "PROJECT_ID", "BQ_DATASET_RAW", "BQ_LOCATION", "GITLAB_BASE_URL", "GITLAB_CA_FILE", "GITLAB_GROUPS", "GITLAB_PROJECTS",
      "SYNC_INTERVAL_HOURS", "SYNC_DEADLINE_SECONDS", "DBT_TRIGGER_URL", "DBT_TRIGGER_AUDIENCE",
      "DBT_TRIGGER_TIMEOUT_SECONDS", "GITLAB_TOKEN", "DBT_TRIGGER_AUTH_TOKEN", "AUTH_TOKEN", "GITLAB_WEBHOOK_TOKEN",
      "ID_TOKEN_CHECKED_BY_CLOUD_RUN",
    ]
    trigger = [
      "PORT", "PROJECT_ID", "BQ_DATASET_RAW", "BQ_LOCATION", "BQ_DATASET_MODELED", "DBT_TIMEOUT_SECONDS", "DBT_WORKER_MEMORY_MIB",
      "AUTH_TOKEN", "DBT_ARTIFACTS", "ID_TOKEN_AUDIENCE", "ID_TOKEN_ACCOUNTS", "ID_TOKEN_CHECKED_BY_CLOUD_RUN", "FIVETRAN_WEBHOOK_SECRET",
      "STREAMS",
    ]
  }

  # Every 15, 20 or 30 minutes; every hour or few hours; or once a day.
  sync_schedule = (
    var.sync_interval < 60 ? "*/${var.sync_interval} * * * *" :
    var.sync_interval == 60 ? "0 * * * *" :
    var.sync_interval < 1440 ? "0 */${var.sync_interval / 60} * * *" : "0 0 * * *"
  )
}

data "google_project" "this" {
  project_id = var.project_id
}
