select
    merge_request_id,
    user_id,
    project_id,
    _synced_at as synced_at
from {{ source('gitlab', 'mr_assignees') }}
where not coalesce(_deleted, false)
