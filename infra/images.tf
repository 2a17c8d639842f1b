# Which images run, and where they are. Without any, only the foundation is made: what the build and the services need,
# and what Google wants to know for some minutes before it can be used (roles, log metrics).
locals {
  # A region that has no images yet has its registry and no services.
  service_regions = setintersection(local.regions, keys(var.images))
  deployed        = length(local.service_regions) > 0
  # Where the jobs run. A region that is to take over does so once it has services.
  live_region = contains(local.service_regions, local.active_region) ? local.active_region : one(setsubtract(local.service_regions, [local.active_region]))

  repositories = {
    for region in local.regions : region => "${region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images[region].repository_id}"
  }

  # A digest is looked for in each region's own repository; a whole reference is taken as it is.
  running = {
    for region in local.service_regions : region => {
      connector = strcontains(var.images[region].connector, "/") ? var.images[region].connector : "${local.repositories[region]}/gitlab-connector@${var.images[region].connector}"
      trigger   = strcontains(var.images[region].trigger, "/") ? var.images[region].trigger : "${local.repositories[region]}/dbt-trigger@${var.images[region].trigger}"
    }
  }
}

# One repository a region: an image is pulled from where it runs, also when the other region is away.
resource "google_artifact_registry_repository" "images" {
  for_each = local.regions

  project       = var.project_id
  location      = each.value
  repository_id = var.name
  description   = "Images of gitlab-connector and dbt-trigger."
  format        = "DOCKER"
  labels        = local.labels
  kms_key_name  = try(var.kms_keys.regional[each.value], null)

  # Services name images by digest, so tags may move. (Where tags are immutable, no tagged image can be deleted, and
  # these policies would never delete anything.) Ten versions are enough to go back; the rest costs money. Of what builds
  # take again (scripts/images/build) the newest is enough, and large.
  cleanup_policies {
    id     = "keep-the-last"
    action = "KEEP"
    most_recent_versions {
      package_name_prefixes = ["gitlab-connector", "dbt-trigger"]
      keep_count            = 10
    }
  }
  cleanup_policies {
    id     = "delete-old-stages"
    action = "DELETE"
    condition {
      package_name_prefixes = ["crates", "packages"]
      tag_state             = "UNTAGGED"
      older_than            = "86400s"
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

  project    = var.project_id
  location   = each.value.location
  repository = each.value.repository_id
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.this["build"].member
}

# What `gcloud builds submit` uploads, and the build's log. A bucket of its own, so that the build's account can read
# neither Terraform's state nor anything else; and in a region of its own, as Cloud Build's default bucket is in the US.
resource "google_storage_bucket" "build" {
  for_each = local.regions

  project  = var.project_id
  name     = "${var.project_id}-${var.name}-build${each.value == var.region ? "" : "-2"}"
  location = each.value
  labels   = local.labels

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  # Nothing in it is worth keeping.
  force_destroy = true

  versioning {
    enabled = false
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 30
    }
  }

  dynamic "encryption" {
    for_each = var.kms_keys == null ? [] : [var.kms_keys.regional[each.value]]
    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_project_service.this, google_kms_crypto_key_iam_member.agents]
}

resource "google_storage_bucket_iam_member" "build" {
  # The second lets Cloud Build look at the bucket before it writes a log there.
  for_each = { for pair in setproduct(local.regions, ["objectUser", "legacyBucketReader"]) : join("/", pair) => pair }

  bucket = google_storage_bucket.build[each.value[0]].name
  role   = "roles/storage.${each.value[1]}"
  member = google_service_account.this["build"].member
}
