select
    merge_request_id,
    sha as commit_sha,
    project_id,
    short_sha,
    title,
    author_name,
    author_email,
    authored_at,
    committed_at,
    _synced_at as synced_at
from {{ source('gitlab', 'mr_commits') }}
where not coalesce(_deleted, false)
