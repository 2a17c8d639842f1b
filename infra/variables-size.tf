# How large the functions are, and how many. One processor each: Cloud Run gives that at most 4 GiB.

variable "connector_memory_mib" {
  description = "Memory of gitlab-connector, and of its public instance, in MiB."
  type        = number
  default     = 512

  validation {
    condition     = var.connector_memory_mib >= 512 && var.connector_memory_mib <= 4096 && floor(var.connector_memory_mib) == var.connector_memory_mib
    error_message = "Between 512 and 4096 MiB: less does not start, more needs a second processor."
  }
}

variable "connector_instances" {
  description = "How many instances of gitlab-connector there may be at a time. Syncs of one dataset go one after another anyway."
  type        = number
  default     = 1

  validation {
    condition     = var.connector_instances >= 1 && var.connector_instances <= 100 && floor(var.connector_instances) == var.connector_instances
    error_message = "A whole number between 1 and 100."
  }
}

variable "webhooks_instances" {
  description = "How many public instances of gitlab-connector there may be at a time, with webhooks."
  type        = number
  default     = 1

  validation {
    condition     = var.webhooks_instances >= 1 && var.webhooks_instances <= 100 && floor(var.webhooks_instances) == var.webhooks_instances
    error_message = "A whole number between 1 and 100."
  }
}

variable "trigger_memory_mib" {
  description = "Memory of dbt-trigger in MiB. A quarter GiB of it is for files, another for all but dbt's worker, the rest for the worker."
  type        = number
  default     = 1024

  validation {
    condition     = var.trigger_memory_mib >= 1024 && var.trigger_memory_mib <= 4096 && floor(var.trigger_memory_mib) == var.trigger_memory_mib
    error_message = "Between 1024 and 4096 MiB: dbt does not fit into less, more needs a second processor."
  }
}

variable "trigger_instances" {
  description = "How many instances of dbt-trigger there may be at a time. Runs of one dataset go one after another anyway."
  type        = number
  default     = 1

  validation {
    condition     = var.trigger_instances >= 1 && var.trigger_instances <= 100 && floor(var.trigger_instances) == var.trigger_instances
    error_message = "A whole number between 1 and 100."
  }
}
