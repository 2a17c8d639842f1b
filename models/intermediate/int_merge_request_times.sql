{{ config(materialized='table') }}

-- How long each merge request took, in parts that add up to the whole:
--   with a review:    to first review + in review (first review → last standing approval, else the end) + to merge (approval → end)
--   without a review: the whole time is hours_without_review
with times as (
    select
        merge_requests.merge_request_id,
        merge_requests.project_id,
        merge_requests.created_at,
        {{ ended_at('merge_requests') }} as end_at,
        reviews.first_review_at,
        reviews.approved_at
    from {{ ref('stg_gitlab__merge_requests') }} as merge_requests
    left join {{ ref('int_merge_request_reviews') }} as reviews
        on merge_requests.merge_request_id = reviews.merge_request_id
)

select
    *,
    {{ hours_between('created_at', 'end_at') }} as cycle_time_hours,
    {{ hours_between('created_at', 'first_review_at') }} as hours_to_first_review,
    {{ hours_between('first_review_at', 'coalesce(approved_at, end_at)') }} as hours_in_review,
    {{ hours_between('approved_at', 'end_at') }} as hours_to_merge,
    if(first_review_at is null, {{ hours_between('created_at', 'end_at') }}, null) as hours_without_review
from times
