select
    merge_request_id,
    label_id,
    project_id,
    title as label_title,
    _synced_at as synced_at
from {{ source('gitlab', 'mr_labels') }}
where not coalesce(_deleted, false)
