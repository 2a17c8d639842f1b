select
    id as vulnerability_id,
    project_id,
    title,
    description,
    state,
    severity,
    report_type,
    created_at,
    updated_at,
    confirmed_at,
    resolved_at,
    dismissed_at,
    _synced_at as synced_at
from {{ source('gitlab', 'vulnerabilities') }}
where not coalesce(_deleted, false)
