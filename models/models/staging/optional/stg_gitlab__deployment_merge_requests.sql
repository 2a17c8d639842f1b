select
    deployment_id,
    merge_request_id,
    project_id,
    _synced_at as synced_at
from {{ source('gitlab', 'deployment_merge_requests') }}
where not coalesce(_deleted, false)
