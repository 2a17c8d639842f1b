# One repository a region: an image is pulled from where it runs, also when the other region is away.
resource "google_artifact_registry_repository" "images" {
  for_each = local.regions

  location      = each.value
  repository_id = var.name
  description   = "Images of gitlab-connector and dbt-trigger."
  format        = "DOCKER"
  kms_key_name  = try(var.kms_keys.regional[each.value], null)

  docker_config {
    # A tag is a commit; it never means something else later.
    immutable_tags = true
  }

  # Ten versions are enough to go back; the rest costs money.
  cleanup_policies {
    id     = "keep-the-last"
    action = "KEEP"
    most_recent_versions {
      keep_count = 10
    }
  }
  cleanup_policies {
    id     = "delete-the-rest"
    action = "DELETE"
    condition {
      older_than = "2592000s"
    }
  }

  depends_on = [google_project_service.this, google_kms_crypto_key_iam_member.agents]
}

resource "google_artifact_registry_repository_iam_member" "build" {
  for_each = google_artifact_registry_repository.images

  location   = each.value.location
  repository = each.value.repository_id
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.this["build"].member
}
