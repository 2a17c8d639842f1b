output "name" {
  description = "The service's name."
  value       = google_cloud_run_v2_service.this.name
}

output "environment" {
  description = "What the service is told. Secrets stand here by their name in Secret Manager; the function reads their values itself."
  value       = { for variable in google_cloud_run_v2_service.this.template[0].containers[0].env : variable.name => variable.value }
}

output "limits" {
  description = "How large an instance is, and how many there may be."
  value = {
    memory    = google_cloud_run_v2_service.this.template[0].containers[0].resources[0].limits.memory
    instances = google_cloud_run_v2_service.this.template[0].scaling[0].max_instance_count
  }
}

output "public" {
  description = "Whether Cloud Run lets everybody call."
  value       = google_cloud_run_v2_service.this.invoker_iam_disabled
}

output "subnetwork" {
  description = "The subnetwork that its calls leave by; null for none."
  value       = one(google_cloud_run_v2_service.this.template[0].vpc_access[*].network_interfaces[0].subnetwork)
}

output "uri" {
  description = "The service's address."
  value       = google_cloud_run_v2_service.this.uri
}

output "image" {
  description = "The image that runs."
  value       = google_cloud_run_v2_service.this.template[0].containers[0].image
}

output "ingress" {
  description = "Where calls may come from, in Cloud Run's words."
  value       = google_cloud_run_v2_service.this.ingress
}
