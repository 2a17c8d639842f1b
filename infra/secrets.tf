# Secrets without their values: scripts/deploy adds those as versions, so that none is ever in Terraform's state.
locals {
  connectors = var.webhooks ? ["connector", "webhooks"] : ["connector"]

  secrets = merge(
    {
      gitlab-token  = { readers = local.connectors, text = "GitLab access token with the scope read_api." }
      trigger-token = { readers = concat(local.connectors, ["trigger"]), text = "What callers of dbt-trigger show." }
    },
    var.gitlab_ca ? {
      gitlab-ca = { readers = local.connectors, text = "Certificates (PEM) of the authorities that GitLab's is signed by." }
    } : {},
    var.webhooks ? {
      connector-token = { readers = ["webhooks"], text = "What callers of the public connector show, such as Fivetran." }
      webhook-token   = { readers = ["webhooks"], text = "What GitLab shows with its webhooks." }
    } : {},
    var.public_trigger ? {
      fivetran-secret = { readers = ["trigger"], text = "The secret of Fivetran's webhook, by which it signs." }
    } : {},
  )

  # Where a secret is can't be changed: Terraform would make a new one, without a value. So this does not follow the
  # regions of the services. Keys for automatic replication would have to be global ones, so with keys it is where they are.
  secret_keys = var.kms_keys == null ? {} : var.kms_keys.regional

  secret_readers = merge([
    for key, secret in local.secrets : { for reader in secret.readers : "${key}/${reader}" => { secret = key, reader = reader } }
  ]...)
}

resource "google_secret_manager_secret" "this" {
  for_each = local.secrets

  project   = var.project_id
  secret_id = "${var.name}-${each.key}"
  labels    = local.labels
  # Answers "what is this?" in the console, where a secret has no description of its own.
  annotations = { purpose = each.value.text }

  # Refuses a replacement as well.
  deletion_protection = var.deletion_protection

  replication {
    dynamic "auto" {
      for_each = length(local.secret_keys) == 0 ? [1] : []
      content {}
    }
    dynamic "user_managed" {
      for_each = length(local.secret_keys) == 0 ? [] : [1]
      content {
        dynamic "replicas" {
          for_each = local.secret_keys
          content {
            location = replicas.key
            customer_managed_encryption {
              kms_key_name = replicas.value
            }
          }
        }
      }
    }
  }

  topics {
    name = google_pubsub_topic.rotation.id
  }
  rotation {
    next_rotation_time = timeadd(plantimestamp(), "${24 * var.secret_rotation_days}h")
    rotation_period    = "${86400 * var.secret_rotation_days}s"
  }

  lifecycle {
    # Secret Manager moves it on by itself.
    ignore_changes = [rotation[0].next_rotation_time]
  }

  depends_on = [
    google_project_service.this,
    google_pubsub_topic_iam_member.rotation,
    google_kms_crypto_key_iam_member.agents,
  ]
}

resource "google_secret_manager_secret_iam_member" "readers" {
  for_each = local.secret_readers

  project   = var.project_id
  secret_id = google_secret_manager_secret.this[each.value.secret].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.this[each.value.reader].member
}

# Secret Manager changes no token: it says on this topic that one is due, and an alert passes it on.
resource "google_pubsub_topic" "rotation" {
  project      = var.project_id
  labels       = local.labels
  name         = "${var.name}-secret-rotation"
  kms_key_name = try(var.kms_keys.regional[var.region], null)
  depends_on   = [google_project_service.this, google_kms_crypto_key_iam_member.agents]
}

resource "google_pubsub_topic_iam_member" "rotation" {
  project = var.project_id
  topic   = google_pubsub_topic.rotation.id
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:${local.secrets_agent}"
}

# Reminders stay here until somebody acknowledges them, for a week at most; the alert looks at their number. The topic
# hears of each new secret and version, too: those are no reminders.
resource "google_pubsub_subscription" "rotation" {
  project                    = var.project_id
  labels                     = local.labels
  name                       = "${var.name}-secret-rotation"
  topic                      = google_pubsub_topic.rotation.id
  filter                     = "attributes.eventType = \"SECRET_ROTATE\""
  message_retention_duration = "604800s"
  expiration_policy {
    ttl = ""
  }
}
