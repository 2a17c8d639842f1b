locals {
  # What both functions are told of the warehouse.
  warehouse = {
    PROJECT_ID     = var.project_id
    BQ_DATASET_RAW = google_bigquery_dataset.this["raw"].dataset_id
    BQ_LOCATION    = var.bq_location
  }

  connector_environment = merge(local.warehouse, {
    GITLAB_BASE_URL             = var.gitlab_base_url
    GITLAB_GROUPS               = length(var.gitlab_groups) == 0 ? null : join(",", var.gitlab_groups)
    GITLAB_PROJECTS             = length(var.gitlab_projects) == 0 ? null : join(",", var.gitlab_projects)
    SYNC_INTERVAL_HOURS         = tostring(var.sync_interval / 60)
    SYNC_DEADLINE_SECONDS       = tostring(var.sync_deadline_seconds)
    DBT_TRIGGER_TIMEOUT_SECONDS = tostring(local.trigger_wait_seconds)
    GITLAB_TOKEN                = local.tokens["gitlab-token"]
    GITLAB_CA_FILE              = one([for file in local.connector_files : file.path])
    DBT_TRIGGER_AUTH_TOKEN      = local.tokens["trigger-token"]
  })

  # Not a token: a library reads it as a file, which Cloud Run makes of the secret's newest version at each start.
  connector_files = var.gitlab_ca ? { gitlab-ca = { secret = google_secret_manager_secret.this["gitlab-ca"].secret_id, path = "/secrets/gitlab-ca/certificates.pem" } } : {}

  trigger_environment = merge(local.warehouse, {
    BQ_DATASET_MODELED  = google_bigquery_dataset.this["modeled"].dataset_id
    DBT_TIMEOUT_SECONDS = tostring(var.dbt_timeout_seconds)
    # What is left of the memory: the worker is to be started anew before Cloud Run ends the whole instance.
    DBT_WORKER_MEMORY_MIB = tostring(var.trigger_memory_mib - local.trigger_files_mib - local.trigger_rest_mib)
    AUTH_TOKEN            = local.tokens["trigger-token"]
    # What the connector syncs by choice is what dbt finds.
    STREAMS       = lookup(var.connector_environment, "STREAMS", null)
    DBT_ARTIFACTS = "gs://${google_storage_bucket.artifacts.name}/runs"
    # The scheduler shows its identity, as it can show nothing else. A private service gets it from Cloud Run checked and
    # without its signature; a public one has to check it itself.
    ID_TOKEN_AUDIENCE             = local.trigger_audience
    ID_TOKEN_ACCOUNTS             = google_service_account.this["scheduler"].email
    ID_TOKEN_CHECKED_BY_CLOUD_RUN = tostring(!var.public_trigger)
    FIVETRAN_WEBHOOK_SECRET       = var.public_trigger ? local.tokens["fivetran-secret"] : null
  })

  # The functions read a token from Secret Manager when they start and again when it is refused: a new version needs no
  # deployment.
  tokens = { for key, secret in google_secret_manager_secret.this : key => "sm://projects/${var.project_id}/secrets/${secret.secret_id}" }

  # As whom uptime checks call.
  monitoring_agent = "service-${data.google_project.this.number}@gcp-sa-monitoring-notification.iam.gserviceaccount.com"

  networks = {
    for region in local.regions : region => var.network == null ? null : {
      network    = var.network.network
      subnetwork = var.network.subnetworks[region]
      egress     = var.network.egress
      tags       = var.network.tags
    }
  }
}

# Called by the scheduler alone; a sync lasts as long as its request, so the processor is paid for that long.
module "connector" {
  source   = "./modules/function"
  for_each = local.service_regions

  project             = var.project_id
  labels              = local.labels
  ingress             = var.ingress
  name                = "${var.name}-gitlab-connector"
  region              = each.value
  image               = local.running[each.value].connector
  service_account     = google_service_account.this["connector"].email
  files               = local.connector_files
  memory              = "${var.connector_memory_mib}Mi"
  temporary           = "16Mi"
  timeout_seconds     = local.attempt_deadline_seconds
  concurrency         = 10
  max_instances       = var.connector_instances
  billed_per_instance = false
  environment = merge(local.connector_environment, var.connector_environment, {
    DBT_TRIGGER_URL      = module.trigger[each.value].uri
    DBT_TRIGGER_AUDIENCE = local.trigger_audience
    # It asks for no token of its own: Cloud Run lets nobody in but the invokers below.
    ID_TOKEN_CHECKED_BY_CLOUD_RUN = "true"
  })
  invokers = {
    scheduler = google_service_account.this["scheduler"].member
    uptime    = "serviceAccount:${local.monitoring_agent}"
  }
  network             = local.networks[each.value]
  kms_key             = try(var.kms_keys.regional[each.value], null)
  deletion_protection = var.deletion_protection

  depends_on = [google_secret_manager_secret_iam_member.readers, google_bigquery_dataset_iam_member.functions, google_project_iam_member.jobs]
}

# The same program for those who can't show a Google identity: GitLab's webhooks and Fivetran. It is public, so it
# checks tokens itself; and it works on after a webhook's answer, so its processor stays.
module "webhooks" {
  source   = "./modules/function"
  for_each = var.webhooks ? local.service_regions : []

  project             = var.project_id
  labels              = local.labels
  ingress             = "all"
  name                = "${var.name}-webhooks"
  region              = each.value
  image               = local.running[each.value].connector
  service_account     = google_service_account.this["webhooks"].email
  files               = local.connector_files
  memory              = "${var.connector_memory_mib}Mi"
  temporary           = "16Mi"
  timeout_seconds     = local.attempt_deadline_seconds
  concurrency         = 1000
  max_instances       = var.webhooks_instances
  billed_per_instance = true
  environment = merge(local.connector_environment, var.connector_environment, {
    DBT_TRIGGER_URL      = module.trigger[each.value].uri
    DBT_TRIGGER_AUDIENCE = local.trigger_audience
    AUTH_TOKEN           = local.tokens["connector-token"]
    GITLAB_WEBHOOK_TOKEN = local.tokens["webhook-token"]
  })
  public              = true
  invokers            = {}
  network             = local.networks[each.value]
  kms_key             = try(var.kms_keys.regional[each.value], null)
  deletion_protection = var.deletion_protection

  depends_on = [google_secret_manager_secret_iam_member.readers, google_bigquery_dataset_iam_member.functions, google_project_iam_member.jobs]
}

# Runs go on for callers that did not wait, so the processor stays while an instance lives; none lives while nobody calls.
module "trigger" {
  source   = "./modules/function"
  for_each = local.service_regions

  project             = var.project_id
  labels              = local.labels
  ingress             = var.public_trigger ? "all" : var.ingress
  name                = "${var.name}-dbt-trigger"
  region              = each.value
  image               = local.running[each.value].trigger
  service_account     = google_service_account.this["trigger"].email
  memory              = "${var.trigger_memory_mib}Mi"
  temporary           = "${local.trigger_files_mib}Mi"
  timeout_seconds     = local.trigger_wait_seconds
  ready_path          = "/ready"
  concurrency         = 1000
  max_instances       = var.trigger_instances
  billed_per_instance = true
  environment         = merge(local.trigger_environment, var.trigger_environment)
  audiences           = [local.trigger_audience]
  public              = var.public_trigger
  invokers = merge(
    { for key in local.connectors : key => google_service_account.this[key].member },
    { scheduler = google_service_account.this["scheduler"].member },
  )
  network             = local.networks[each.value]
  kms_key             = try(var.kms_keys.regional[each.value], null)
  deletion_protection = var.deletion_protection

  depends_on = [google_secret_manager_secret_iam_member.readers, google_bigquery_dataset_iam_member.functions, google_project_iam_member.jobs]
}
