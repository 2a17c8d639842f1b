select
    project_id,
    name as branch_name,
    commit_sha,
    coalesce(merged, false) as is_merged,
    coalesce(protected, false) as is_protected,
    coalesce(is_default, false) as is_default,
    coalesce(developers_can_push, false) as developers_can_push,
    coalesce(developers_can_merge, false) as developers_can_merge,
    committed_at,
    web_url,
    _synced_at as synced_at
from {{ source('gitlab', 'branches') }}
where not coalesce(_deleted, false)
