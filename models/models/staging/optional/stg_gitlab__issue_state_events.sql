select
    id as state_event_id,
    issue_id,
    project_id,
    user_id,
    state,
    created_at,
    _synced_at as synced_at
from {{ source('gitlab', 'issue_state_events') }}
where not coalesce(_deleted, false)
