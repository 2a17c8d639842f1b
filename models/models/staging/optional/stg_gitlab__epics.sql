select
    id as epic_id,
    iid as epic_iid,
    group_id,
    title,
    description,
    state,
    author_id,
    parent_id as parent_epic_id,
    labels,
    start_date,
    due_date,
    web_url,
    upvotes as upvotes_count,
    downvotes as downvotes_count,
    created_at,
    updated_at,
    closed_at,
    _synced_at as synced_at
from {{ source('gitlab', 'epics') }}
where not coalesce(_deleted, false)
