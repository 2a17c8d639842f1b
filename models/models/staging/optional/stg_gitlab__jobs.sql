select
    id as job_id,
    project_id,
    pipeline_id,
    name,
    stage,
    status,
    ref,
    coalesce(tag, false) as is_tag,
    coalesce(allow_failure, false) as is_allowed_to_fail,
    failure_reason,
    user_id,
    commit_sha,
    created_at,
    started_at,
    finished_at,
    erased_at,
    duration_seconds,
    queued_duration_seconds,
    coverage as coverage_percent,
    web_url,
    _synced_at as synced_at
from {{ source('gitlab', 'jobs') }}
where not coalesce(_deleted, false)
