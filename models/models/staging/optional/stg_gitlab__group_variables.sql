select
    group_id,
    key as variable_key,
    environment_scope,
    variable_type,
    coalesce(protected, false) as is_protected,
    coalesce(masked, false) as is_masked,
    coalesce(raw, false) as is_raw,
    description,
    _synced_at as synced_at
from {{ source('gitlab', 'group_variables') }}
where not coalesce(_deleted, false)
