# GitLab's webhooks make changes visible within seconds; Fivetran may read the raw tables, and have dbt run after a sync.
module "pipeline" {
  source = "../.."

  project_id     = "my-project-123"
  gitlab_groups  = ["my-company"]
  sync_interval  = 360
  webhooks       = true
  public_trigger = true
  events         = true

  images = { europe-west1 = {
    connector = "ghcr.io/my-company/gitlab-connector:1.0.0"
    trigger   = "ghcr.io/my-company/dbt-trigger:1.0.0"
  } }
}

output "addresses" {
  description = "Where GitLab and Fivetran call."
  value       = module.pipeline.urls
}
