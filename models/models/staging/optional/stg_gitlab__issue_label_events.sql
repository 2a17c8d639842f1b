select
    id as label_event_id,
    issue_id,
    project_id,
    user_id,
    label_id,
    label_title,
    action,
    created_at,
    _synced_at as synced_at
from {{ source('gitlab', 'issue_label_events') }}
where not coalesce(_deleted, false)
