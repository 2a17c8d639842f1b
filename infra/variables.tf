# Where, and what it is called. Other variables stand in variables-*.tf, by concern.

variable "project_id" {
  description = "Google Cloud project that everything is put into."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "A project id has 6 to 30 lower-case letters, digits and hyphens, such as my-project-123."
  }
}

variable "name" {
  description = "Begins the name of every resource; two pipelines in one project need two names."
  type        = string
  default     = "mergemind"

  validation {
    # The longest name made from it, a service account's, may have 30 characters.
    condition     = can(regex("^[a-z][a-z0-9-]{1,13}[a-z0-9]$", var.name))
    error_message = "The name has 3 to 15 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "region" {
  description = "Region of the services, the scheduler and the images, such as europe-west1."
  type        = string
  default     = "europe-west1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region looks like europe-west1; BigQuery's multi-regions, EU and US, belong into bq_location."
  }
}

variable "second_region" {
  description = "A second region that holds the same services, images and scheduler jobs, the jobs paused, for a failover. Datasets stay where they are."
  type        = string
  default     = null

  validation {
    condition     = var.second_region == null || can(regex("^[a-z]+-[a-z]+[0-9]+$", var.second_region))
    error_message = "A region looks like europe-west4."
  }

  validation {
    condition     = var.second_region != var.region
    error_message = "The second region must be another one than region."
  }
}

variable "active_region" {
  description = "The region whose scheduler jobs run; region, unless set. Set it to second_region to fail over (docs/runbooks/region-failover.md)."
  type        = string
  default     = null

  validation {
    condition     = var.active_region == null || contains(compact([var.region, var.second_region]), coalesce(var.active_region, "none"))
    error_message = "The active region is one of region and second_region."
  }
}

variable "labels" {
  description = "Labels on everything that can have some, on top of app = <name>."
  type        = map(string)
  default     = {}

  validation {
    condition = alltrue([
      for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))
    ])
    error_message = "Label keys and values have at most 63 lower-case letters, digits, hyphens and underscores; a key begins with a letter."
  }
}

variable "image_tag" {
  description = "Tag of both images, the commit that Cloud Build built them from (scripts/deploy sets it)."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", var.image_tag)) && var.image_tag != "latest"
    error_message = "Name a built tag, such as the commit's first 12 digits; 'latest' would change under a running service."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete services, secrets and datasets that hold tables. Turn it off, apply, and then destroy."
  type        = bool
  default     = true
}
