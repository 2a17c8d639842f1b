# No provider block: callers of this module bring theirs, and `terraform apply` in this folder takes Google's own
# variables and credentials. Every resource names its project and its labels itself.
terraform {
  # 1.9 lets a variable's validation look at other variables.
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.45, < 8"
    }
  }
}
