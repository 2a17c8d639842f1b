{{ config(materialized='table') }}

-- One row per merge request that a reviewer touched.
select
    merge_request_id,
    min(if(is_in_time and kind != 'unapproval', created_at, null)) as first_review_at,
    max(if(is_standing_approval and is_in_time, created_at, null)) as approved_at,
    count(distinct if(kind != 'unapproval', reviewer_id, null)) as reviewers_count,
    countif(is_standing_approval) as approvals_count,
    countif(kind = 'comment') as review_comments_count
from {{ ref('int_review_events') }}
group by merge_request_id
