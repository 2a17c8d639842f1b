# The warehouse, secrets, network and keys.

variable "bq_location" {
  description = "Where the datasets are: EU, US, or a region. It can't be changed later."
  type        = string
  default     = "EU"

  validation {
    condition     = can(regex("^(EU|US|[a-z]+-[a-z]+[0-9]+)$", var.bq_location))
    error_message = "A location is EU, US, or a region such as europe-west1."
  }
}

variable "dataset_raw" {
  description = "Dataset of the raw tables, which the connector makes."
  type        = string
  default     = "mergemind_raw"

  validation {
    condition     = can(regex("^[A-Za-z0-9_]+$", var.dataset_raw))
    error_message = "A dataset's name has letters, digits and underscores."
  }
}

variable "dataset_modeled" {
  description = "Dataset of the marts, which dbt makes."
  type        = string
  default     = "mergemind"

  validation {
    condition     = can(regex("^[A-Za-z0-9_]+$", var.dataset_modeled)) && var.dataset_modeled != var.dataset_raw
    error_message = "A dataset's name has letters, digits and underscores, and differs from dataset_raw."
  }
}

variable "readers" {
  description = "Who may read the marts, such as group:analysts@example.com; not the raw tables."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.readers : can(regex("^(user|group|serviceAccount|domain):.+$", member))])
    error_message = "Name people and groups, such as group:analysts@example.com. allUsers and allAuthenticatedUsers are refused: the marts hold your colleagues' work."
  }
}

variable "secret_rotation_days" {
  description = "After so many days Secret Manager reminds of a token's age (an alert, see docs/runbooks/token-rotation.md)."
  type        = number
  default     = 90

  validation {
    condition     = var.secret_rotation_days >= 1 && var.secret_rotation_days <= 365
    error_message = "Between 1 and 365 days; GitLab lets no access token live longer."
  }
}

variable "network" {
  description = "Direct VPC egress: the network, and the subnetwork of each region, for a GitLab that only your network reaches."
  type = object({
    network     = string
    subnetworks = map(string)
    egress      = optional(string, "PRIVATE_RANGES_ONLY")
    tags        = optional(list(string), [])
  })
  default = null

  validation {
    condition     = var.network == null || contains(["PRIVATE_RANGES_ONLY", "ALL_TRAFFIC"], try(var.network.egress, ""))
    error_message = "egress is PRIVATE_RANGES_ONLY or ALL_TRAFFIC."
  }

  validation {
    condition     = var.network == null || alltrue([for region in compact([var.region, var.second_region]) : can(var.network.subnetworks[region])])
    error_message = "Name a subnetwork for region, and one for second_region if there is one."
  }
}

variable "kms_keys" {
  description = "Your own Cloud KMS keys: bigquery is a key where the data is: in europe for EU, in us for US, else in bq_location; it protects dbt's artifacts, too; regional has a key for each region, for services, images, builds, secrets and events. Secrets are kept in all regions named here, for good: name the key of a second region from the start, also if second_region comes later."
  type = object({
    bigquery = string
    regional = map(string)
  })
  default = null

  validation {
    condition = var.kms_keys == null || alltrue([
      for key in flatten([try(var.kms_keys.bigquery, ""), try(values(var.kms_keys.regional), [])]) :
      can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", key))
    ])
    error_message = "A key is named projects/…/locations/…/keyRings/…/cryptoKeys/…, without a version."
  }

  validation {
    condition     = var.kms_keys == null || alltrue([for region in compact([var.region, var.second_region]) : can(var.kms_keys.regional[region])])
    error_message = "Name a regional key for region, and one for second_region if there is one."
  }

  validation {
    # Cloud KMS has no locations EU and US.
    condition     = var.kms_keys == null || try(split("/", var.kms_keys.bigquery)[3], "") == lookup({ EU = "europe", US = "us" }, var.bq_location, var.bq_location)
    error_message = "BigQuery takes a key from where the data is: locations/europe for EU, locations/us for US, else bq_location itself."
  }

  validation {
    condition     = var.kms_keys == null || alltrue([for region, key in try(var.kms_keys.regional, {}) : try(split("/", key)[3], "") == region])
    error_message = "Each regional key is in the region that it is named for."
  }
}

variable "artifact_days" {
  description = "How many days dbt's artifacts are kept."
  type        = number
  default     = 90

  validation {
    condition     = var.artifact_days >= 1
    error_message = "At least one day."
  }
}
