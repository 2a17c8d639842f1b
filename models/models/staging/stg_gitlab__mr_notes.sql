select
    id as note_id,
    project_id,
    merge_request_id,
    author_id,
    body,
    coalesce(`system`, false) as is_system,
    system_note_icon,
    coalesce(internal, false) as is_internal,
    coalesce(resolvable, false) as is_resolvable,
    coalesce(resolved, false) as is_resolved,
    resolved_at,
    web_url,
    created_at,
    updated_at,
    _synced_at as synced_at
from {{ source('gitlab', 'mr_notes') }}
where not coalesce(_deleted, false)
