select
    merge_request_id,
    path,
    project_id,
    additions,
    deletions,
    _synced_at as synced_at
from {{ source('gitlab', 'mr_diff_files') }}
where not coalesce(_deleted, false)
