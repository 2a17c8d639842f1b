select
    merge_request_id,
    reference,
    issue_id,
    project_id,
    _synced_at as synced_at
from {{ source('gitlab', 'mr_closes_issues') }}
where not coalesce(_deleted, false)
