# Every validation refuses what it is there for. A run can expect several variables to fail, each with its own value:
# a variable with n validations stands in n runs.

mock_provider "google" {}

variables {
  project_id = "acme-data-123"
  images = { for region in ["europe-west1", "europe-west4"] : region => {
    connector = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
    trigger   = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
  } }
  gitlab_groups = ["acme"]
}

run "values_of_the_wrong_form" {
  command = plan

  variables {
    project_id            = "Acme Data"
    name                  = "m"
    region                = "EU"
    labels                = { "App Name" = "x" }
    images                = { europe-west1 = { connector = "ghcr.io/acme/gitlab-connector:latest", trigger = "latest" } }
    operators             = ["me@acme.example"]
    gitlab_base_url       = "gitlab.com"
    gitlab_projects       = ["acme"]
    sync_interval         = 10
    reconcile_schedule    = "daily"
    full_build_schedule   = "0 4 * *"
    time_zone             = "CET"
    bq_location           = "europe"
    dataset_raw           = "raw-data"
    readers               = ["allAuthenticatedUsers"]
    artifact_days         = 0
    alert_emails          = ["data team"]
    secret_rotation_days  = 400
    dbt_timeout_seconds   = 1000
    connector_environment = { GITLAB_BASE_URL = "https://other" }
    trigger_environment   = { PROJECT_ID = "other" }
    budget                = { billing_account = "main", amount = 50 }
    runbook_url           = "docs/runbooks"
    connector_memory_mib  = 256
    connector_instances   = 0
    webhooks_instances    = 1.5
    trigger_memory_mib    = 8192
    trigger_instances     = 101
  }

  expect_failures = [
    var.project_id, var.name, var.region, var.labels, var.images, var.operators, var.gitlab_base_url, var.gitlab_projects,
    var.sync_interval, var.reconcile_schedule, var.full_build_schedule, var.time_zone, var.bq_location, var.dataset_raw,
    var.readers, var.artifact_days, var.alert_emails, var.secret_rotation_days, var.dbt_timeout_seconds,
    var.connector_environment, var.trigger_environment, var.budget, var.runbook_url, var.connector_memory_mib,
    var.connector_instances, var.webhooks_instances, var.trigger_memory_mib, var.trigger_instances,
  ]
}

# A variable that looks at another is judged only when that one is sound, so these stand apart.
run "more_values_of_the_wrong_form" {
  command = plan

  variables {
    second_region         = "US"
    dataset_modeled       = "a.b"
    gitlab_groups         = ["acme, other"]
    sync_deadline_seconds = 60
  }

  expect_failures = [var.second_region, var.dataset_modeled, var.gitlab_groups, var.sync_deadline_seconds]
}

run "regions_of_the_wrong_form" {
  command = plan

  variables {
    active_region = "us-central1"
    network       = { network = "main", subnetworks = { europe-west1 = "one" }, egress = "SOME" }
    kms_keys      = { bigquery = "key", regional = { europe-west1 = "key" } }
  }

  expect_failures = [var.active_region, var.network, var.kms_keys]
}

run "values_that_do_not_fit_together" {
  command = plan

  variables {
    second_region         = "europe-west1"
    gitlab_base_url       = "http://gitlab.acme.example"
    gitlab_ca             = true
    sync_deadline_seconds = 1500
    connector_environment = { GITLAB_SERVICE_TOKEN = "glpat-in-plain-text" }
    trigger_environment   = { AUTH_TOKEN_PREVIOUS = "in-plain-text" }
    budget                = { billing_account = "012345-6789AB-CDEF01", amount = 0.5 }
  }

  expect_failures = [
    var.second_region, var.gitlab_ca, var.sync_deadline_seconds, var.connector_environment, var.trigger_environment, var.budget,
  ]
}

run "a_region_without_network_and_key" {
  command = plan

  variables {
    network = { network = "main", subnetworks = { europe-west4 = "elsewhere" } }
    kms_keys = {
      bigquery = "projects/p/locations/europe/keyRings/r/cryptoKeys/k"
      regional = { europe-west4 = "projects/p/locations/europe-west4/keyRings/r/cryptoKeys/k" }
    }
  }

  expect_failures = [var.network, var.kms_keys]
}

run "keys_in_the_wrong_place_and_nothing_to_sync" {
  command = plan

  variables {
    gitlab_groups = []

    ingress = "internal"
    network = { network = "main", subnetworks = { europe-west1 = "one" } }
    kms_keys = {
      bigquery = "projects/p/locations/eu/keyRings/r/cryptoKeys/k"
      regional = { europe-west1 = "projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k" }
    }
  }

  expect_failures = [var.kms_keys, var.ingress, var.gitlab_groups]
}

run "more_values_that_do_not_fit_together" {
  command = plan

  variables {
    bq_location = "europe-west3"
    kms_keys = {
      bigquery = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/k"
      regional = { europe-west1 = "projects/p/locations/europe-west4/keyRings/r/cryptoKeys/k" }
    }
    dataset_raw           = "same"
    dataset_modeled       = "same"
    connector_environment = { PROJECT_NAME_PATTERN = "$${TEAM}-*" }
    trigger_environment   = { DBT_TARGET = "$${TARGET}" }
    ingress               = "private"
    readers               = ["allUsers"]
  }

  expect_failures = [
    var.kms_keys, var.dataset_modeled, var.connector_environment, var.trigger_environment, var.ingress, var.readers,
  ]
}
