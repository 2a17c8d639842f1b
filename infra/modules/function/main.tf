resource "google_cloud_run_v2_service" "this" {
  project             = var.project
  name                = var.name
  location            = var.region
  labels              = var.labels
  custom_audiences    = length(var.audiences) == 0 ? null : var.audiences
  deletion_protection = var.deletion_protection
  # Cloud Scheduler counts as internal in its own project; GitLab and Monitoring's uptime checks do not.
  ingress = var.ingress == "internal" ? "INGRESS_TRAFFIC_INTERNAL_ONLY" : "INGRESS_TRAFFIC_ALL"
  # Rather than a binding for allUsers, which many organisations forbid.
  invoker_iam_disabled = var.public

  template {
    service_account                  = var.service_account
    timeout                          = "${var.timeout_seconds}s"
    max_instance_request_concurrency = var.concurrency
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    encryption_key                   = var.kms_key

    scaling {
      max_instance_count = var.max_instances
    }

    containers {
      image = var.image

      resources {
        limits            = { cpu = "1", memory = var.memory }
        cpu_idle          = !var.billed_per_instance
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = { for name, value in var.environment : name => value if value != null }
        content {
          name  = env.key
          value = env.value
        }
      }

      # The image's own files belong to root, and the function is not root: this is all it can write.
      volume_mounts {
        name       = "tmp"
        mount_path = "/tmp"
      }

      dynamic "volume_mounts" {
        for_each = var.files
        content {
          name       = volume_mounts.key
          mount_path = dirname(volume_mounts.value.path)
        }
      }

      # Until then no request comes, and the processor is boosted.
      startup_probe {
        period_seconds    = 1
        failure_threshold = 60
        http_get {
          path = var.ready_path
        }
      }

      liveness_probe {
        period_seconds    = 30
        timeout_seconds   = 5
        failure_threshold = 4
        http_get {
          path = "/healthz"
        }
      }
    }

    volumes {
      name = "tmp"
      empty_dir {
        medium     = "MEMORY"
        size_limit = var.temporary
      }
    }

    dynamic "volumes" {
      for_each = var.files
      content {
        name = volumes.key
        secret {
          secret = volumes.value.secret
          # Readable by the image's user, as all files are.
          default_mode = 292
          items {
            path    = basename(volumes.value.path)
            version = "latest"
          }
        }
      }
    }

    dynamic "vpc_access" {
      for_each = var.network == null ? [] : [var.network]
      content {
        egress = vpc_access.value.egress
        network_interfaces {
          network    = vpc_access.value.network
          subnetwork = vpc_access.value.subnetwork
          tags       = vpc_access.value.tags
        }
      }
    }
  }
}

resource "google_cloud_run_v2_service_iam_member" "invokers" {
  for_each = var.invokers

  project  = var.project
  name     = google_cloud_run_v2_service.this.name
  location = var.region
  role     = "roles/run.invoker"
  member   = each.value
}
