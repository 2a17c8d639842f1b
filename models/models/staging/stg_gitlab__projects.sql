select
    id as project_id,
    name,
    full_path as project_path,
    description,
    web_url,
    default_branch,
    visibility,
    archived as is_archived,
    empty_repo as is_empty,
    merge_requests_enabled as has_merge_requests_enabled,
    star_count as stars_count,
    forks_count,
    open_issues_count,
    created_at,
    updated_at,
    last_activity_at,
    _synced_at as synced_at
from {{ source('gitlab', 'projects') }}
where not coalesce(_deleted, false)
