# Each optional part, on; defaults.tftest.hcl shows them off.

mock_provider "google" {
  mock_data "google_project" {
    defaults = {
      number = "123456789012"
    }
  }
  mock_data "google_bigquery_default_service_account" {
    defaults = {
      email = "bq-123456789012@bigquery-encryption.iam.gserviceaccount.com"
    }
  }
  mock_data "google_storage_project_service_account" {
    defaults = {
      email_address = "service-123456789012@gs-project-accounts.iam.gserviceaccount.com"
    }
  }
}

variables {
  project_id = "acme-data-123"
  images = { for region in ["europe-west1", "europe-west4"] : region => {
    connector = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
    trigger   = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
  } }
  gitlab_groups = ["acme"]
}

run "webhooks_and_an_authority_of_ones_own" {
  command = plan

  variables {
    gitlab_base_url = "https://gitlab.acme.example"
    gitlab_ca       = true
    webhooks        = true
  }

  assert {
    condition     = keys(module.webhooks) == ["europe-west1"]
    error_message = "A public instance of the connector exists."
  }
  assert {
    condition     = module.webhooks["europe-west1"].public && !module.connector["europe-west1"].public && !module.trigger["europe-west1"].public
    error_message = "It alone is public."
  }
  assert {
    condition     = contains(keys(google_secret_manager_secret.this), "webhook-token") && contains(keys(google_secret_manager_secret.this), "connector-token")
    error_message = "It has tokens to check."
  }
  assert {
    condition     = local.connector_environment.GITLAB_CA_FILE == "/secrets/gitlab-ca/certificates.pem"
    error_message = "The connector is told where the certificates are."
  }
  assert {
    condition     = toset(keys(local.secrets)) == toset(["connector-token", "gitlab-ca", "gitlab-token", "trigger-token", "webhook-token"]) && contains(keys(local.secret_readers), "gitlab-ca/webhooks")
    error_message = "There is a secret for them, which both may read."
  }
}

# Parts that have nothing to do with each other, in one plan.
run "what_may_be_added" {
  command = plan

  variables {
    public_trigger       = true
    events               = true
    alert_emails         = ["data@acme.example"]
    budget               = { billing_account = "012345-6789AB-CDEF01", amount = 40 }
    connector_memory_mib = 1024
    connector_instances  = 2
    trigger_memory_mib   = 2048
    trigger_instances    = 3
    runbook_url          = "https://git.acme.example/mergemind/-/blob/HEAD/docs/runbooks"
    operators            = ["user:me@acme.example"]
    images = { europe-west1 = {
      connector = "ghcr.io/acme/gitlab-connector:1.2.3"
      trigger   = "ghcr.io/acme/dbt-trigger@sha256:2222222222222222222222222222222222222222222222222222222222222222"
    } }
    readers = ["group:analysts@acme.example"]
  }

  assert {
    condition     = module.trigger["europe-west1"].public && !module.connector["europe-west1"].public
    error_message = "The trigger alone is public."
  }
  assert {
    condition     = local.trigger_environment.ID_TOKEN_CHECKED_BY_CLOUD_RUN == "false"
    error_message = "A public trigger believes no token that Cloud Run did not check."
  }
  assert {
    condition     = contains(keys(google_secret_manager_secret.this), "fivetran-secret")
    error_message = "Fivetran has a secret to sign with."
  }
  assert {
    condition     = keys(google_pubsub_topic.events) == ["dbt-complete", "sync-complete"] && keys(google_logging_project_sink.events) == ["dbt-complete", "sync-complete"]
    error_message = "Both events are passed on."
  }
  assert {
    condition     = length(google_pubsub_topic.dead_letters) == 1
    error_message = "What nobody takes is kept."
  }
  assert {
    condition     = one(one(google_billing_budget.this[0].amount).specified_amount).units == "40"
    error_message = "The budget is what was said."
  }
  assert {
    condition     = google_monitoring_notification_channel.email["data@acme.example"].labels.email_address == "data@acme.example"
    error_message = "Somebody is told."
  }
  assert {
    condition     = local.trigger_environment.DBT_WORKER_MEMORY_MIB == "1536"
    error_message = "dbt's worker may use what is there."
  }
  assert {
    condition     = module.connector["europe-west1"].limits == { memory = "1024Mi", instances = 2 } && module.trigger["europe-west1"].limits == { memory = "2048Mi", instances = 3 }
    error_message = "Functions are as large as was said."
  }
  assert {
    condition     = endswith(google_monitoring_alert_policy.sync_lag[0].documentation[0].content, " https://git.acme.example/mergemind/-/blob/HEAD/docs/runbooks/sync-lag.md")
    error_message = "Alerts link to their runbooks."
  }
  assert {
    condition     = !anytrue([for step in output.next_steps : try(strcontains(step, "runbook_url"), false)])
    error_message = "Nothing is left to do about it."
  }
  assert {
    condition     = google_service_account_iam_member.operators["user:me@acme.example"].role == "roles/iam.serviceAccountTokenCreator"
    error_message = "Operators call as the scheduler."
  }
  assert {
    condition     = google_secret_manager_secret_iam_member.operators["user:me@acme.example"].role == "roles/secretmanager.secretAccessor"
    error_message = "Operators read the trigger's token."
  }
  assert {
    condition     = module.connector["europe-west1"].image == "ghcr.io/acme/gitlab-connector:1.2.3"
    error_message = "A whole reference is taken as it is."
  }
  assert {
    condition     = google_bigquery_dataset_iam_member.readers["group:analysts@acme.example"].role == "roles/bigquery.dataViewer"
    error_message = "Readers read, no more."
  }
  assert {
    condition     = google_bigquery_dataset_iam_member.readers["group:analysts@acme.example"].dataset_id == google_bigquery_dataset.this["modeled"].dataset_id
    error_message = "Readers read the marts, and no raw tables."
  }
}

run "second_region" {
  command = plan

  variables {
    second_region = "europe-west4"
  }

  assert {
    condition     = keys(module.connector) == ["europe-west1", "europe-west4"] && keys(google_artifact_registry_repository.images) == ["europe-west1", "europe-west4"]
    error_message = "Services and images are in both regions."
  }
  assert {
    condition     = alltrue([for secret in google_secret_manager_secret.this : length(secret.replication[0].auto) == 1 && length(secret.replication[0].user_managed) == 0])
    error_message = "Secrets are where they were: another replication would replace them."
  }
  assert {
    condition     = google_cloud_scheduler_job.this["europe-west4/sync"].paused && !google_cloud_scheduler_job.this["europe-west1/sync"].paused
    error_message = "Only the first region's jobs run."
  }
  assert {
    condition     = length(google_bigquery_dataset.this) == 3
    error_message = "Datasets stay where they are."
  }
}

run "failover" {
  command = plan

  variables {
    second_region = "europe-west4"
    active_region = "europe-west4"
  }

  assert {
    condition     = !google_cloud_scheduler_job.this["europe-west4/sync"].paused && google_cloud_scheduler_job.this["europe-west1/sync"].paused
    error_message = "The jobs changed sides."
  }
}

run "own_keys" {
  command = plan

  variables {
    kms_keys = {
      bigquery = "projects/k/locations/europe/keyRings/r/cryptoKeys/bq"
      regional = { europe-west1 = "projects/k/locations/europe-west1/keyRings/r/cryptoKeys/k" }
    }
  }

  assert {
    condition     = alltrue([for dataset in google_bigquery_dataset.this : one(dataset.default_encryption_configuration).kms_key_name == var.kms_keys.bigquery])
    error_message = "Datasets use the given key."
  }
  assert {
    condition     = one(google_storage_bucket.artifacts.encryption).default_kms_key_name == var.kms_keys.bigquery
    error_message = "The bucket uses the given key."
  }
  assert {
    condition     = google_artifact_registry_repository.images["europe-west1"].kms_key_name == var.kms_keys.regional["europe-west1"]
    error_message = "Images use the given key."
  }
  assert {
    condition     = [for replica in google_secret_manager_secret.this["gitlab-token"].replication[0].user_managed[0].replicas : replica.customer_managed_encryption[0].kms_key_name] == [var.kms_keys.regional["europe-west1"]]
    error_message = "Secrets use the given key, where it is."
  }
  assert {
    condition     = length(google_kms_crypto_key_iam_member.agents) == 7
    error_message = "Google's agents may use the keys."
  }
}

run "a_key_before_its_region" {
  command = plan

  variables {
    kms_keys = {
      bigquery = "projects/k/locations/europe/keyRings/r/cryptoKeys/bq"
      regional = {
        europe-west1 = "projects/k/locations/europe-west1/keyRings/r/cryptoKeys/k"
        europe-west4 = "projects/k/locations/europe-west4/keyRings/r/cryptoKeys/k"
      }
    }
  }

  assert {
    condition     = length(google_secret_manager_secret.this["gitlab-token"].replication[0].user_managed[0].replicas) == 2 && length(module.connector) == 1
    error_message = "Secrets are in both places before the services are."
  }
}

run "network_and_internal_only" {
  command = plan

  variables {
    ingress  = "internal"
    webhooks = true
    network  = { network = "main", subnetworks = { europe-west1 = "one" }, egress = "ALL_TRAFFIC" }
  }

  assert {
    condition     = module.connector["europe-west1"].subnetwork == "one" && module.trigger["europe-west1"].subnetwork == "one"
    error_message = "Calls leave by the given subnetwork."
  }
  assert {
    condition     = contains(keys(google_project_service.this), "compute.googleapis.com")
    error_message = "Networks are Compute Engine's."
  }
  assert {
    condition     = module.connector["europe-west1"].ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY" && module.trigger["europe-west1"].ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY" && module.webhooks["europe-west1"].ingress == "INGRESS_TRAFFIC_ALL"
    error_message = "Only what has to be is reachable from outside."
  }
  assert {
    condition     = length(google_monitoring_uptime_check_config.connector) == 0
    error_message = "No check that could not reach it."
  }
}
