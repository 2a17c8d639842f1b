# What is synced, and how often.

variable "gitlab_base_url" {
  description = "GitLab's address."
  type        = string
  default     = "https://gitlab.com"

  validation {
    condition     = can(regex("^https?://[^/ ]+", var.gitlab_base_url))
    error_message = "GitLab's address begins with https://, such as https://gitlab.example.com."
  }
}

variable "gitlab_ca" {
  description = "Whether GitLab's certificate is signed by an authority of your own: its certificates (PEM) then go into the secret `<name>-gitlab-ca`."
  type        = bool
  default     = false

  validation {
    condition     = !var.gitlab_ca || startswith(var.gitlab_base_url, "https://")
    error_message = "Without https:// there is no certificate to check."
  }
}

variable "gitlab_groups" {
  description = "Full paths of groups to sync, with all that is below them."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for path in var.gitlab_groups : can(regex("^[^, ]+$", path))])
    error_message = "Give each group's full path as an element of its own, such as [\"my-company\", \"partners/shared\"]."
  }

  validation {
    condition     = length(var.gitlab_groups) + length(var.gitlab_projects) > 0 || lookup(var.connector_environment, "AUTO_DISCOVER_PROJECTS", "") == "true"
    error_message = "Name something to sync: gitlab_groups, gitlab_projects, or AUTO_DISCOVER_PROJECTS = \"true\" in connector_environment."
  }
}

variable "gitlab_projects" {
  description = "Full paths or ids of single projects to sync."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for path in var.gitlab_projects : can(regex("^([0-9]+|[^, ]+/[^, ]+)$", path))])
    error_message = "Give each project's full path or id as an element of its own, such as [\"my-company/api\", \"4711\"]."
  }
}

variable "connector_environment" {
  description = "More settings of gitlab-connector by the names of its environment variables (docs/deploy.md lists those left to you). Never a secret."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setintersection(keys(var.connector_environment), local.set_here.connector)) == 0
    error_message = "Some of these are set by this module already; use the variable of this module instead."
  }

  validation {
    condition     = alltrue([for name, value in var.connector_environment : !can(regex("TOKEN|SECRET|PASSWORD", name)) || startswith(value, "sm://")])
    error_message = "Tokens belong into Secret Manager: whatever stands here is in plain text in Terraform's state. Name one by sm://projects/…/secrets/…."
  }

  validation {
    condition     = alltrue([for value in values(var.connector_environment) : !strcontains(value, "$${")])
    error_message = "A value holds an unresolved $${VARIABLE}; nothing resolves it here."
  }
}

variable "sync_interval" {
  description = "Minutes between two syncs."
  type        = number
  default     = 60

  validation {
    condition     = contains([15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440], var.sync_interval)
    error_message = "The sync interval is 15, 20, 30, 60, 120, 180, 240, 360, 480, 720 or 1440 minutes: what divides an hour or a day evenly, and not less than 15."
  }
}

variable "reconcile_schedule" {
  description = "When deleted rows are looked for, in cron's form."
  type        = string
  default     = "20 3 * * *"

  validation {
    condition     = length(split(" ", var.reconcile_schedule)) == 5
    error_message = "Cron's form has five fields: minute, hour, day, month, weekday, such as 20 3 * * *."
  }
}

variable "full_build_schedule" {
  description = "When dbt builds and tests everything, in cron's form, whatever changed."
  type        = string
  default     = "40 4 * * *"

  validation {
    condition     = length(split(" ", var.full_build_schedule)) == 5
    error_message = "Cron's form has five fields: minute, hour, day, month, weekday, such as 40 4 * * *."
  }
}

variable "time_zone" {
  description = "Time zone of the schedules."
  type        = string
  default     = "Etc/UTC"

  validation {
    condition     = can(regex("^[A-Za-z_]+/[A-Za-z_/+-]+[0-9]*$", var.time_zone))
    error_message = "A time zone is named like Europe/Berlin or Etc/UTC."
  }
}

variable "sync_deadline_seconds" {
  description = "After this time a sync stops at a checkpoint and the next one goes on. Cloud Scheduler waits 30 minutes at most, for the sync and the dbt run after it."
  type        = number
  default     = 1080

  validation {
    condition     = var.sync_deadline_seconds >= 120
    error_message = "A sync needs at least 120 seconds to get somewhere."
  }

  validation {
    condition     = var.sync_deadline_seconds + local.trigger_wait_seconds + local.margin_seconds <= local.attempt_deadline_seconds
    error_message = "sync_deadline_seconds + 2 x dbt_timeout_seconds + 90 must not exceed 1800: Cloud Scheduler hangs up after 30 minutes, and would call a sync that goes well a failure."
  }
}

variable "dbt_timeout_seconds" {
  description = "After this time a dbt run is ended. A caller may have to wait for the run before its own, too."
  type        = number
  default     = 300

  validation {
    condition     = var.dbt_timeout_seconds >= 60 && var.dbt_timeout_seconds <= 780
    error_message = "Between 60 and 780 seconds; a longer build does not fit into one call."
  }
}

variable "webhooks" {
  description = "Whether GitLab's webhooks and Fivetran may call: makes a second, public instance of the connector that checks its callers' tokens itself."
  type        = bool
  default     = false
}

variable "public_trigger" {
  description = "Whether dbt-trigger can be reached from the internet, for Fivetran's webhook; it checks its callers' tokens itself."
  type        = bool
  default     = false
}

variable "trigger_environment" {
  description = "More settings of dbt-trigger by the names of its environment variables (docs/deploy.md lists those left to you). Never a secret."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setintersection(keys(var.trigger_environment), local.set_here.trigger)) == 0
    error_message = "Some of these are set by this module already; use the variable of this module instead."
  }

  validation {
    condition     = alltrue([for name, value in var.trigger_environment : !can(regex("TOKEN|SECRET|PASSWORD", name)) || startswith(value, "sm://")])
    error_message = "Tokens belong into Secret Manager: whatever stands here is in plain text in Terraform's state. Name one by sm://projects/…/secrets/…."
  }

  validation {
    condition     = alltrue([for value in values(var.trigger_environment) : !strcontains(value, "$${")])
    error_message = "A value holds an unresolved $${VARIABLE}; nothing resolves it here."
  }
}
