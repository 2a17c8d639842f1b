select
    id as deployment_id,
    iid as deployment_iid,
    project_id,
    environment_id,
    environment_name,
    status,
    ref,
    sha as commit_sha,
    user_id,
    job_id,
    created_at,
    updated_at,
    finished_at,
    coalesce(_deleted, false) as is_deleted,
    _synced_at as synced_at
from {{ source('gitlab', 'deployments') }}
