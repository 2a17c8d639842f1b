select
    id as environment_id,
    project_id,
    name,
    slug,
    state,
    tier,
    external_url,
    created_at,
    updated_at,
    _synced_at as synced_at
from {{ source('gitlab', 'environments') }}
where not coalesce(_deleted, false)
