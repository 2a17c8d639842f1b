select
    id as board_id,
    group_id,
    name,
    _synced_at as synced_at
from {{ source('gitlab', 'group_boards') }}
where not coalesce(_deleted, false)
