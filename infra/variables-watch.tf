# Who is told what, and what it may cost.

variable "alert_emails" {
  description = "Addresses that alerts go to. Without any, the alert policies exist and show in the console only."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alert_emails : can(regex("^[^@ ]+@[^@ ]+$", address))])
    error_message = "Give e-mail addresses, such as data-team@example.com."
  }
}

variable "runbook_url" {
  description = "Where a browser finds docs/runbooks of your copy of this repository, for the links in alerts; scripts/deploy takes it from git's remote."
  type        = string
  default     = null

  validation {
    condition     = var.runbook_url == null || can(regex("^https://[^ ]+[^ /]$", coalesce(var.runbook_url, "none")))
    error_message = "The address begins with https:// and ends without a slash, such as https://gitlab.com/my-company/mergemind/-/blob/HEAD/docs/runbooks."
  }
}

variable "budget" {
  description = "Warns when a month's bill of this project passes half, all, or is forecast to pass all of amount, in the billing account's currency."
  type = object({
    billing_account = string
    amount          = number
  })
  default = null

  validation {
    condition     = var.budget == null || can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", try(var.budget.billing_account, "")))
    error_message = "A billing account looks like 012345-6789AB-CDEF01 (gcloud billing accounts list)."
  }

  validation {
    condition     = var.budget == null || try(var.budget.amount >= 1 && floor(var.budget.amount) == var.budget.amount, false)
    error_message = "The amount is a whole number, 1 or more."
  }
}

variable "events" {
  description = "Whether sync-complete and dbt-complete events are published to Pub/Sub, for other systems."
  type        = bool
  default     = false
}
