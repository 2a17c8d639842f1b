select
    merge_request_id,
    user_id,
    project_id,
    review_state,
    _synced_at as synced_at
from {{ source('gitlab', 'mr_reviewers') }}
where not coalesce(_deleted, false) {{ of_live_merge_requests('merge_request_id') }}
