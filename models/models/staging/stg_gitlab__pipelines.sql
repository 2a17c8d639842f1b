select
    id as pipeline_id,
    iid as pipeline_iid,
    project_id,
    merge_request_iid,
    ref,
    sha,
    source,
    status,
    user_id,
    created_at,
    updated_at,
    started_at,
    finished_at,
    committed_at,
    duration_seconds,
    queued_duration_seconds,
    coverage as coverage_percent,
    coalesce(_deleted, false) as is_deleted,
    _synced_at as synced_at
from {{ source('gitlab', 'pipelines') }}
{{ of_live_projects('project_id', 'where') }}
