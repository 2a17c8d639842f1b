variable "project" {
  description = "Google Cloud project of the service."
  type        = string
}

variable "labels" {
  description = "Labels on the service."
  type        = map(string)
  default     = {}
}

variable "ingress" {
  description = "Where calls may come from: all, or internal (the project's own network, Cloud Scheduler, Pub/Sub)."
  type        = string
  default     = "all"
}

variable "name" {
  description = "The service's name."
  type        = string
}

variable "region" {
  description = "Where it runs."
  type        = string
}

variable "image" {
  description = "Its image, by digest or with a tag that never changes its meaning."
  type        = string
}

variable "service_account" {
  description = "E-mail of the account it runs as."
  type        = string
}

variable "environment" {
  description = "Environment variables; null leaves one out. Tokens are references to Secret Manager, sm://projects/…/secrets/…."
  type        = map(string)
}

variable "files" {
  description = "Secrets that are files, by a name of your choice: the secret's id, and where the file is; each in a folder of its own."
  type        = map(object({ secret = string, path = string }))
  default     = {}
}

variable "memory" {
  description = "Memory limit, such as 512Mi; what is written to /tmp counts."
  type        = string
}

variable "temporary" {
  description = "How much of the memory /tmp may take, such as 128Mi."
  type        = string
}

variable "timeout_seconds" {
  description = "After this time Cloud Run ends a request."
  type        = number
}

variable "ready_path" {
  description = "What answers 200 once it has all that its first request needs."
  type        = string
  default     = "/healthz"
}

variable "concurrency" {
  description = "How many requests one instance takes at a time."
  type        = number
}

variable "max_instances" {
  description = "How many instances there may be at a time."
  type        = number
  default     = 1
}

variable "billed_per_instance" {
  description = "Whether the processor is there between requests too, for work that goes on after an answer; billed for as long as an instance lives."
  type        = bool
}

variable "audiences" {
  description = "Audiences of ID tokens that it takes, besides its own address."
  type        = list(string)
  default     = []
}

variable "invokers" {
  description = "Who may call it, by a name of your choice."
  type        = map(string)
}

variable "public" {
  description = "Whether Cloud Run lets everybody call, and leaves it to the function to tell its callers apart."
  type        = bool
  default     = false
}

variable "network" {
  description = "Direct VPC egress."
  type = object({
    network    = string
    subnetwork = string
    egress     = string
    tags       = list(string)
  })
  default = null
}

variable "kms_key" {
  description = "Key that the image is stored with; Google's, unless set."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the service."
  type        = bool
}
