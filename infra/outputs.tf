output "urls" {
  description = "Addresses of the functions in the active region; null before there are images."
  value = local.deployed ? {
    connector = module.connector[local.live_region].uri
    trigger   = module.trigger[local.live_region].uri
    webhooks  = var.webhooks ? module.webhooks[local.live_region].uri : null
  } : null
}

output "service_accounts" {
  description = "The account that each part runs as."
  value       = { for key, account in google_service_account.this : key => account.email }
}

output "project" {
  description = "Google Cloud project of all this."
  value       = var.project_id
}

output "repositories" {
  description = "Where images are pushed to, by region."
  value       = local.repositories
}

output "secrets" {
  description = "Secrets that need a value, added as a version (scripts/deploy asks for GitLab's token and makes the others)."
  value       = { for key, secret in google_secret_manager_secret.this : key => secret.secret_id }
}

output "next_steps" {
  description = "What is left to do."
  value = local.deployed ? concat(
    [
      "Look at a sync and a dbt run: scripts/smoke",
      "Ask the marts: SELECT * FROM `${var.project_id}.${var.dataset_modeled}.mr_activity_view` LIMIT 10",
    ],
    length(var.operators) == 0 ? ["Nobody may call the functions by hand, so scripts/smoke can't: set operators."] : [],
    length(var.alert_emails) == 0 ? ["Nobody is told when something fails: set alert_emails."] : [],
    var.runbook_url == null ? ["Alerts name their runbooks without a link: set runbook_url."] : [],
    var.webhooks ? ["In GitLab, add a webhook for merge requests, comments, pipelines and pushes: ${module.webhooks[local.live_region].uri}/webhook, with the secret ${var.name}-webhook-token"] : [],
    var.public_trigger ? ["In Fivetran, add a webhook for sync_end: ${module.trigger[local.live_region].uri}/fivetran, with the secret ${var.name}-fivetran-secret"] : [],
    ) : [
    "The foundation is there; no function runs yet, because there are no images.",
    "scripts/deploy does the rest: it asks for GitLab's token, has Cloud Build build the images, applies again and tries a sync.",
    "By hand: add a version to each secret (${join(", ", [for secret in google_secret_manager_secret.this : secret.secret_id])}), push images to ${join(" and ", values(local.repositories))}, set images = { ${var.region} = { connector = \"sha256:…\", trigger = \"sha256:…\" } } and apply again.",
  ]
}

output "images" {
  description = "The images that run, by region; empty before there are any."
  value       = { for region in local.service_regions : region => var.images[region] }
}

output "image_tag" {
  description = "What the images were built from."
  value       = var.image_tag
}
