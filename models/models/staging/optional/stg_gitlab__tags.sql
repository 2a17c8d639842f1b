select
    project_id,
    name as tag_name,
    message,
    target_sha,
    commit_sha,
    committed_at,
    coalesce(protected, false) as is_protected,
    _synced_at as synced_at
from {{ source('gitlab', 'tags') }}
where not coalesce(_deleted, false)
