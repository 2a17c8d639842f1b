select
    id as note_id,
    project_id,
    issue_id,
    author_id,
    body,
    coalesce(`system`, false) as is_system,
    coalesce(internal, false) as is_internal,
    coalesce(resolvable, false) as is_resolvable,
    coalesce(resolved, false) as is_resolved,
    created_at,
    updated_at,
    _synced_at as synced_at
from {{ source('gitlab', 'issue_notes') }}
where not coalesce(_deleted, false)
