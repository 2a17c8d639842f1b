select
    id as group_id,
    name,
    full_path as group_path,
    description,
    visibility,
    parent_id as parent_group_id,
    web_url,
    _synced_at as synced_at
from {{ source('gitlab', 'groups') }}
where not coalesce(_deleted, false)
