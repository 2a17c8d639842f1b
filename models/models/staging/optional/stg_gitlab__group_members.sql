select
    group_id,
    user_id,
    username,
    name,
    state,
    access_level,
    membership_state,
    created_at,
    expires_at,
    _synced_at as synced_at
from {{ source('gitlab', 'group_members') }}
where not coalesce(_deleted, false)
