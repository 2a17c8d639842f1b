output "urls" {
  description = "Addresses of the functions in the active region."
  value = {
    connector = module.connector[local.active_region].uri
    trigger   = module.trigger[local.active_region].uri
    webhooks  = var.webhooks ? module.webhooks[local.active_region].uri : null
  }
}

output "service_accounts" {
  description = "The account that each part runs as."
  value       = { for key, account in google_service_account.this : key => account.email }
}

output "images" {
  description = "Where images are pushed to, by region."
  value       = local.images
}

output "secrets" {
  description = "Secrets that need a value, added as a version (scripts/deploy asks for GitLab's token and makes the others)."
  value       = { for key, secret in google_secret_manager_secret.this : key => secret.secret_id }
}

output "next_steps" {
  description = "What is left to do."
  value = concat(
    [
      "Look at a sync and a dbt run: scripts/smoke",
      "Ask the marts: SELECT * FROM `${var.project_id}.${var.dataset_modeled}.mr_activity_view` LIMIT 10",
    ],
    length(var.alert_emails) == 0 ? ["Nobody is told when something fails: set alert_emails."] : [],
    var.runbook_url == null ? ["Alerts name their runbooks without a link: set runbook_url."] : [],
    var.webhooks ? ["In GitLab, add a webhook for merge requests, comments, pipelines and pushes: ${module.webhooks[local.active_region].uri}/webhook, with the secret ${var.name}-webhook-token"] : [],
    var.public_trigger ? ["In Fivetran, add a webhook for sync_end: ${module.trigger[local.active_region].uri}/fivetran, with the secret ${var.name}-fivetran-secret"] : [],
  )
}

output "image_tag" {
  description = "The deployed images' tag, to go back to."
  value       = var.image_tag
}
