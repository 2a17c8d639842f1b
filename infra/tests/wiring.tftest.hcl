# Who is told whose address, and who may do what.

mock_provider "google" {
  mock_data "google_project" {
    defaults = {
      number = "123456789012"
    }
  }
}

override_resource {
  target = module.connector["europe-west1"].google_cloud_run_v2_service.this
  values = {
    uri = "https://connector.example"
  }
}

override_resource {
  target = module.trigger["europe-west1"].google_cloud_run_v2_service.this
  values = {
    uri = "https://trigger.example"
  }
}

override_resource {
  target = google_service_account.this["scheduler"]
  values = {
    email  = "scheduler@acme.example"
    member = "serviceAccount:scheduler@acme.example"
  }
}

override_resource {
  target = google_service_account.this["trigger"]
  values = {
    email  = "trigger@acme.example"
    member = "serviceAccount:trigger@acme.example"
  }
}

override_resource {
  target = google_service_account.this["connector"]
  values = {
    email  = "connector@acme.example"
    member = "serviceAccount:connector@acme.example"
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

run "wiring" {
  assert {
    condition     = google_cloud_scheduler_job.this["europe-west1/sync"].http_target[0].uri == "https://connector.example/"
    error_message = "The scheduler calls the connector."
  }
  assert {
    condition     = google_cloud_scheduler_job.this["europe-west1/full-build"].http_target[0].uri == "https://trigger.example/"
    error_message = "The daily build calls dbt-trigger."
  }
  assert {
    condition     = google_cloud_scheduler_job.this["europe-west1/sync"].http_target[0].oidc_token[0].service_account_email == "scheduler@acme.example"
    error_message = "The scheduler shows its own account."
  }
  assert {
    condition     = module.connector["europe-west1"].environment.DBT_TRIGGER_URL == "https://trigger.example"
    error_message = "The connector calls the trigger."
  }
  assert {
    condition     = module.connector["europe-west1"].environment.DBT_TRIGGER_AUTH_TOKEN == module.trigger["europe-west1"].environment.AUTH_TOKEN
    error_message = "The connector shows what the trigger asks for."
  }
  assert {
    condition     = module.connector["europe-west1"].environment.GITLAB_TOKEN == "sm://projects/acme-data-123/secrets/mergemind-gitlab-token"
    error_message = "The connector is told where GitLab's token is."
  }
  assert {
    condition     = module.connector["europe-west1"].environment.DBT_TRIGGER_AUDIENCE == module.trigger["europe-west1"].environment.ID_TOKEN_AUDIENCE
    error_message = "The connector's ID tokens are made for the trigger."
  }
  assert {
    condition     = module.trigger["europe-west1"].environment.ID_TOKEN_ACCOUNTS == "scheduler@acme.example"
    error_message = "The trigger knows the scheduler."
  }
  assert {
    condition     = module.connector["europe-west1"].environment.BQ_DATASET_RAW == module.trigger["europe-west1"].environment.BQ_DATASET_RAW
    error_message = "dbt reads where the connector writes."
  }
  assert {
    condition     = output.urls.trigger == "https://trigger.example" && output.urls.webhooks == null
    error_message = "The outputs name the services."
  }
  assert {
    condition     = google_bigquery_dataset_iam_member.functions["connector_writes_raw"].member == "serviceAccount:connector@acme.example"
    error_message = "The connector writes raw tables."
  }
  assert {
    condition     = google_bigquery_dataset_iam_member.functions["trigger_reads_raw"].role == "roles/bigquery.dataViewer"
    error_message = "dbt only reads raw tables."
  }
  assert {
    condition     = google_secret_manager_secret_iam_member.readers["trigger-token/trigger"].member == "serviceAccount:trigger@acme.example"
    error_message = "dbt-trigger reads its token."
  }
  assert {
    condition     = !contains(keys(google_secret_manager_secret_iam_member.readers), "gitlab-token/trigger")
    error_message = "dbt-trigger can't read GitLab's token."
  }
}
