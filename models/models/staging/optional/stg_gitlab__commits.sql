select
    project_id,
    sha as commit_sha,
    short_sha,
    title,
    message,
    author_name,
    author_email,
    authored_at,
    committer_name,
    committer_email,
    committed_at,
    parent_shas,
    additions,
    deletions,
    web_url,
    _synced_at as synced_at
from {{ source('gitlab', 'commits') }}
where not coalesce(_deleted, false)
