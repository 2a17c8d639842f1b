# With keys of your own, each Google service's agent must be allowed to use them before it makes anything.
locals {
  agents = var.kms_keys == null ? {} : merge(
    {
      bigquery  = { key = var.kms_keys.bigquery, agent = one(data.google_bigquery_default_service_account.this[*].email) }
      artifacts = { key = var.kms_keys.bigquery, agent = one(data.google_storage_project_service_account.this[*].email_address) }
    },
    merge([
      for region, key in var.kms_keys.regional : {
        "run-${region}"      = { key = key, agent = "service-${data.google_project.this.number}@serverless-robot-prod.iam.gserviceaccount.com" }
        "registry-${region}" = { key = key, agent = "service-${data.google_project.this.number}@gcp-sa-artifactregistry.iam.gserviceaccount.com" }
        "secrets-${region}"  = { key = key, agent = local.secrets_agent }
        "pubsub-${region}"   = { key = key, agent = local.pubsub_agent }
        "storage-${region}"  = { key = key, agent = one(data.google_storage_project_service_account.this[*].email_address) }
      }
    ]...)
  )
  secrets_agent = "service-${data.google_project.this.number}@gcp-sa-secretmanager.iam.gserviceaccount.com"
  pubsub_agent  = "service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

data "google_bigquery_default_service_account" "this" {
  count = var.kms_keys == null ? 0 : 1

  project = var.project_id
}

data "google_storage_project_service_account" "this" {
  count = var.kms_keys == null ? 0 : 1

  project = var.project_id
}

resource "google_kms_crypto_key_iam_member" "agents" {
  for_each = local.agents

  crypto_key_id = each.value.key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${each.value.agent}"
  depends_on    = [google_project_service.this]
}
