select
    id as epic_issue_id,
    group_id,
    epic_id,
    issue_id,
    project_id,
    _synced_at as synced_at
from {{ source('gitlab', 'epic_issues') }}
where not coalesce(_deleted, false)
