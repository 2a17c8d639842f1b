{{ config(severity='warn') }}

-- Imports leave merge requests that ended before they began, that are merged without a time, or that begin in the future. They are in
-- the marts, without the times that they cannot have; this only names them.
select
    merge_request_id,
    created_at,
    end_at,
    state,
    case
        when created_at > timestamp_add({{ now() }}, interval 24 hour) then 'opened in the future'
        when end_at < created_at then 'ended before it was opened'
        else 'ended without a time'
    end as problem
from {{ ref('dim_merge_requests') }}
where
    created_at > timestamp_add({{ now() }}, interval 24 hour)
    or end_at < created_at
    or state in ('merged', 'closed') and end_at is null
