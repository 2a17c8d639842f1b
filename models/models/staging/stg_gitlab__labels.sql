select
    id as label_id,
    title,
    description,
    color,
    group_id,
    project_id,
    created_at,
    updated_at,
    _synced_at as synced_at
from {{ source('gitlab', 'labels') }}
where not coalesce(_deleted, false)
