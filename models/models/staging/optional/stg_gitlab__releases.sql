select
    project_id,
    tag_name,
    name,
    description,
    author_id,
    commit_sha,
    coalesce(upcoming_release, false) as is_upcoming,
    created_at,
    released_at,
    _synced_at as synced_at
from {{ source('gitlab', 'releases') }}
where not coalesce(_deleted, false)
