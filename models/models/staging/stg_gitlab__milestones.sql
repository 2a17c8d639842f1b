select
    id as milestone_id,
    iid as milestone_iid,
    group_id,
    project_id,
    title,
    description,
    state,
    start_date,
    due_date,
    web_url,
    created_at,
    updated_at,
    _synced_at as synced_at
from {{ source('gitlab', 'milestones') }}
where not coalesce(_deleted, false)
