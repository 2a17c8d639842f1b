{{ config(materialized='table') }}

-- depends_on: {{ ref('int_merge_request_inputs') }}
-- That one must be read first: a row that changes in between is then renewed by the next build instead of never.

-- Who was asked to review, and when: at the opening, later, or once more. One row per note and person; NULL stands for people whose
-- name nobody has any more.
with requests as (
    select note_id, project_id, merge_request_id, author_id, user_id as reviewer_id, created_at
    from {{ ref('int_note_kinds') }}
    cross join unnest(named_user_ids) as user_id
    where kind = 'review_request'
    union all
    select note_id, project_id, merge_request_id, author_id, cast(null as int64) as reviewer_id, created_at
    from {{ ref('int_note_kinds') }}
    where kind = 'review_request' and coalesce(array_length(named_user_ids), 0) = 0
)

select
    requests.note_id,
    requests.project_id,
    requests.merge_request_id,
    requests.reviewer_id,
    requests.author_id as requested_by_id,
    requests.created_at as requested_at,
    requests.created_at >= merge_requests.created_at
    and requests.created_at <= coalesce({{ ended_at('merge_requests') }}, requests.created_at) as is_in_time
from requests
inner join {{ ref('stg_gitlab__merge_requests') }} as merge_requests
    on requests.merge_request_id = merge_requests.merge_request_id
left join {{ ref('int_users') }} as users
    on requests.reviewer_id = users.user_id
where
    coalesce(requests.reviewer_id, -2) != coalesce(merge_requests.author_id, -1)
    and coalesce(users.is_person, true)
