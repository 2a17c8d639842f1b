select
    id as iteration_id,
    iid as iteration_iid,
    group_id,
    sequence as sequence_number,
    title,
    description,
    state as state_number,
    start_date,
    due_date,
    web_url,
    created_at,
    updated_at,
    _synced_at as synced_at
from {{ source('gitlab', 'iterations') }}
where not coalesce(_deleted, false)
