{{ config(materialized='table') }}


-- One row per merge request that a reviewer touched.
with asked as (
    select merge_request_id, reviewer_id, min(requested_at) as requested_at
    from {{ ref('int_review_requests') }}
    where reviewer_id is not null
    group by merge_request_id, reviewer_id
),

events as (
    select
        events.*,
        -- Asked by then, or without a note that tells when.
        coalesce(asked.requested_at <= events.created_at, reviewers.user_id is not null) as is_by_somebody_asked
    from {{ ref('int_review_events') }} as events
    left join asked
        on events.merge_request_id = asked.merge_request_id and events.reviewer_id = asked.reviewer_id
    left join {{ ref('stg_gitlab__mr_reviewers') }} as reviewers
        on events.merge_request_id = reviewers.merge_request_id and events.reviewer_id = reviewers.user_id
)

select
    merge_request_id,
    min(if(is_in_time and kind != 'unapproval', created_at, null)) as first_review_at,
    min(if(is_in_time and kind != 'unapproval' and is_by_somebody_asked, created_at, null)) as first_requested_review_at,
    max(if(is_standing_approval and is_in_time, created_at, null)) as approved_at,
    count(distinct if(kind != 'unapproval', reviewer_id, null)) as reviewers_count,
    countif(is_standing_approval) as approvals_count,
    countif(kind = 'comment') as review_comments_count
from events
group by merge_request_id
