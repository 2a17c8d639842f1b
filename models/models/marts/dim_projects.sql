{{ config(materialized='table') }}

with counts as (
    select
        project_id,
        count(*) as merge_requests_count,
        countif(state = 'opened') as open_merge_requests_count,
        countif(state = 'merged') as merged_merge_requests_count,
        max(updated_at) as last_merge_request_updated_at
    from {{ ref('dim_merge_requests') }}
    group by project_id
)

select
    projects.project_id,
    projects.project_path,
    projects.name,
    projects.description,
    projects.visibility,
    projects.default_branch,
    projects.is_archived,
    projects.stars_count,
    projects.forks_count,
    projects.open_issues_count,
    coalesce(counts.merge_requests_count, 0) as merge_requests_count,
    coalesce(counts.open_merge_requests_count, 0) as open_merge_requests_count,
    coalesce(counts.merged_merge_requests_count, 0) as merged_merge_requests_count,
    counts.last_merge_request_updated_at,
    projects.created_at,
    projects.last_activity_at,
    projects.web_url
from {{ ref('stg_gitlab__projects') }} as projects
left join counts
    on projects.project_id = counts.project_id
