# The same services in a second region, their schedules paused, for a failover (docs/runbooks/region-failover.md says what
# that helps against, and what not).
locals {
  digests = {
    connector = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
    trigger   = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
  }
}

module "pipeline" {
  source = "../.."

  project_id    = "my-project-123"
  region        = "europe-west1"
  second_region = "europe-west4"
  gitlab_groups = ["my-company"]
  alert_emails  = ["data-team@my-company.example"]
  operators     = ["group:data-team@my-company.example"]
  images        = { europe-west1 = local.digests, europe-west4 = local.digests }
}
