# As little as possible: one region, one group, everything else as it comes. Applied, it makes the foundation; with
# `images` the functions follow.
module "pipeline" {
  source = "../.."

  project_id    = "my-project-123"
  gitlab_groups = ["my-company"]
}

output "next_steps" {
  description = "What is left to do."
  value       = module.pipeline.next_steps
}
