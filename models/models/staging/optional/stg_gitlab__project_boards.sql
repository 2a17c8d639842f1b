select
    id as board_id,
    project_id,
    name,
    _synced_at as synced_at
from {{ source('gitlab', 'project_boards') }}
where not coalesce(_deleted, false)
