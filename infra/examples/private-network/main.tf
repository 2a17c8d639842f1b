# A GitLab that only your network reaches, keys of your own, and no way in from the internet: services call each other
# through the network, so its subnetworks need Private Google Access (and Cloud NAT where GitLab is on the internet).
module "pipeline" {
  source = "../.."

  project_id      = "my-project-123"
  region          = "europe-west3"
  bq_location     = "europe-west3"
  gitlab_base_url = "https://gitlab.internal.example"
  gitlab_groups   = ["my-company"]
  ingress         = "internal"

  network = {
    network     = "projects/my-host-project/global/networks/main"
    subnetworks = { europe-west3 = "projects/my-host-project/regions/europe-west3/subnetworks/run" }
    egress      = "ALL_TRAFFIC"
    tags        = ["gitlab-client"]
  }

  kms_keys = {
    bigquery = "projects/my-keys/locations/europe-west3/keyRings/data/cryptoKeys/bigquery"
    regional = { europe-west3 = "projects/my-keys/locations/europe-west3/keyRings/data/cryptoKeys/services" }
  }

  images = { europe-west3 = {
    connector = "europe-west3-docker.pkg.dev/my-project-123/released/gitlab-connector:1.0.0"
    trigger   = "europe-west3-docker.pkg.dev/my-project-123/released/dbt-trigger:1.0.0"
  } }
}
