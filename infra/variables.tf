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

variable "images" {
  description = "The images to run, by region: digests (sha256:…) that the region's repository holds, or whole references to another registry. scripts/deploy writes them into images.auto.tfvars.json. A region without any gets no services; without any at all only the foundation is made: accounts, secrets, datasets, registry, metrics."
  type = map(object({
    connector = string
    trigger   = string
  }))
  default = {}

  validation {
    condition = alltrue([
      for image in flatten([for images in values(var.images) : [images.connector, images.trigger]]) : can(regex("^(sha256:[0-9a-f]{64}|[^ ]+/[^ ]+[:@][^ /]+)$", image)) && !endswith(image, ":latest")
    ])
    error_message = "Name each image by its digest, such as sha256:0123…, or by a whole reference with a tag or digest; ':latest' would change under a running service."
  }
}

variable "image_tag" {
  description = "What the images were built from, such as the commit's first 12 digits; shown in an output, to go back to."
  type        = string
  default     = null
}

variable "ingress" {
  description = "Where calls may come from: all, or internal, for organisations that forbid public ingress. Internal needs network with egress = ALL_TRAFFIC, has no uptime check, and scripts/smoke has to run inside the network. Webhooks and a public trigger stay reachable."
  type        = string
  default     = "all"

  validation {
    condition     = contains(["all", "internal"], var.ingress)
    error_message = "ingress is all or internal."
  }

  validation {
    condition     = var.ingress != "internal" || try(var.network.egress, "") == "ALL_TRAFFIC"
    error_message = "With ingress = \"internal\" the connector reaches dbt-trigger only through your network: set network, with egress = \"ALL_TRAFFIC\" and Private Google Access on its subnetworks."
  }
}

variable "operators" {
  description = "Who may call the functions as the scheduler does, for scripts/smoke and the runbooks, such as user:me@example.com or group:data@example.com."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.operators : can(regex("^(user|group|serviceAccount):.+@.+$", member))])
    error_message = "Name people, groups or accounts, such as user:me@example.com."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete services, secrets and datasets that hold tables. Turn it off, apply, and then destroy."
  type        = bool
  default     = true
}
