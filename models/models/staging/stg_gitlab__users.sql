select
    id as user_id,
    username,
    name,
    public_email,
    state,
    coalesce(bot, false) as is_bot,
    web_url,
    created_at,
    last_activity_on,
    _synced_at as synced_at
from {{ source('gitlab', 'users') }}
where not coalesce(_deleted, false)
