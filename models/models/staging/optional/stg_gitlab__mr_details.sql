select
    merge_request_id,
    project_id,
    squash_commit_sha,
    closed_by_id,
    updated_at,
    _synced_at as synced_at
from {{ source('gitlab', 'mr_details') }}
where not coalesce(_deleted, false)
