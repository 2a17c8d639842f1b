# Events for other systems: the functions' own closing lines ("sync success", "dbt run ended: …"), passed on by Cloud
# Logging. So the functions need no second way out, and an event is exactly what the log says.
locals {
  events = var.events ? {
    sync-complete = local.lines.sync_ended
    dbt-complete  = local.lines.dbt_ended
  } : {}
}

resource "google_pubsub_topic" "events" {
  for_each = local.events

  project      = var.project_id
  labels       = local.labels
  name         = "${var.name}-${each.key}"
  kms_key_name = try(var.kms_keys.regional[var.region], null)
  depends_on   = [google_project_service.this, google_kms_crypto_key_iam_member.agents]
}

resource "google_logging_project_sink" "events" {
  for_each = google_pubsub_topic.events

  project                = var.project_id
  name                   = each.value.name
  destination            = "pubsub.googleapis.com/projects/${var.project_id}/topics/${each.value.name}"
  filter                 = local.events[each.key]
  unique_writer_identity = true
}

resource "google_pubsub_topic_iam_member" "events" {
  for_each = google_logging_project_sink.events

  project = var.project_id
  topic   = google_pubsub_topic.events[each.key].id
  role    = "roles/pubsub.publisher"
  member  = each.value.writer_identity
}

resource "google_pubsub_subscription" "events" {
  for_each = google_pubsub_topic.events

  project                    = var.project_id
  labels                     = local.labels
  name                       = each.value.name
  topic                      = each.value.id
  ack_deadline_seconds       = 60
  message_retention_duration = "604800s"

  expiration_policy {
    ttl = ""
  }
  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_letters["all"].id
    max_delivery_attempts = 10
  }
}

# What a reader refused ten times.
resource "google_pubsub_topic" "dead_letters" {
  for_each = toset(var.events ? ["all"] : [])

  project      = var.project_id
  labels       = local.labels
  name         = "${var.name}-dead-letters"
  kms_key_name = try(var.kms_keys.regional[var.region], null)
  depends_on   = [google_project_service.this, google_kms_crypto_key_iam_member.agents]
}

resource "google_pubsub_subscription" "dead_letters" {
  for_each = google_pubsub_topic.dead_letters

  project                    = var.project_id
  labels                     = local.labels
  name                       = each.value.name
  topic                      = each.value.id
  message_retention_duration = "604800s"
  expiration_policy {
    ttl = ""
  }
}

# Pub/Sub moves a message over by taking it from the subscription and publishing it again.
resource "google_pubsub_topic_iam_member" "dead_letters" {
  for_each = google_pubsub_topic.dead_letters

  project = var.project_id
  topic   = each.value.id
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:${local.pubsub_agent}"
}

resource "google_pubsub_subscription_iam_member" "dead_letters" {
  for_each = google_pubsub_subscription.events

  project      = var.project_id
  subscription = each.value.id
  role         = "roles/pubsub.subscriber"
  member       = "serviceAccount:${local.pubsub_agent}"
}
