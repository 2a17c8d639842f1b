{{ config(materialized='table') }}


-- How long each merge request took, in parts that add up to the whole:
--   always:           before it was ready
--   with a review:    + to first review + in review (first review → last standing approval, else the end) + to merge (approval → end)
--   without a review: + without review (ready → end)
-- What was said of a draft did not make anybody wait: the first review begins when it is ready. Time in which the merge request was
-- closed, before it was reopened, is part of nothing. A merge request that ended before it began, as imports leave them, has no times.
with requests as (
    select merge_request_id, min(if(is_in_time, requested_at, null)) as requested_at
    from {{ ref('int_review_requests') }}
    group by merge_request_id
),

times as (
    select
        merge_requests.merge_request_id,
        merge_requests.project_id,
        merge_requests.created_at,
        {{ ended_at('merge_requests') }} as end_at,
        coalesce({{ ended_at('merge_requests') }} >= merge_requests.created_at, true) as is_plausible,
        drafts.ready_at,
        requests.requested_at,
        reviews.first_review_at,
        reviews.first_requested_review_at,
        reviews.approved_at
    from {{ ref('stg_gitlab__merge_requests') }} as merge_requests
    left join {{ ref('int_merge_request_drafts') }} as drafts
        on merge_requests.merge_request_id = drafts.merge_request_id
    left join requests
        on merge_requests.merge_request_id = requests.merge_request_id
    left join {{ ref('int_merge_request_reviews') }} as reviews
        on merge_requests.merge_request_id = reviews.merge_request_id
),

bounds as (
    select
        *,
        coalesce(ready_at, end_at) as part_2_from,
        greatest(first_review_at, coalesce(ready_at, end_at)) as part_3_from,
        greatest(coalesce(approved_at, end_at), first_review_at, coalesce(ready_at, end_at)) as part_4_from
    from times
),

closed as (
    select
        bounds.merge_request_id,
        sum({{ hours_in_common('bounds.created_at', 'coalesce(bounds.end_at, stays.valid_to)', 'stays.valid_from', 'stays.valid_to') }}) as whole,
        sum({{ hours_in_common('bounds.created_at', 'bounds.part_2_from', 'stays.valid_from', 'stays.valid_to') }}) as part_1,
        sum({{ hours_in_common('bounds.part_2_from', 'bounds.part_3_from', 'stays.valid_from', 'stays.valid_to') }}) as part_2,
        sum({{ hours_in_common('bounds.part_3_from', 'bounds.part_4_from', 'stays.valid_from', 'stays.valid_to') }}) as part_3,
        sum({{ hours_in_common('bounds.part_4_from', 'bounds.end_at', 'stays.valid_from', 'stays.valid_to') }}) as part_4,
        sum({{ hours_in_common('bounds.part_2_from', 'bounds.end_at', 'stays.valid_from', 'stays.valid_to') }}) as parts_2_to_4,
        sum({{ hours_in_common('bounds.requested_at', 'bounds.first_requested_review_at', 'stays.valid_from', 'stays.valid_to') }}) as requested,
        sum(if(stays.valid_from < bounds.end_at, {{ business_hours_between('stays.valid_from', 'least(stays.valid_to, bounds.end_at)') }}, 0)) as business,
        sum(if(
            stays.valid_from < bounds.part_3_from and stays.valid_to > bounds.part_2_from,
            {{ business_hours_between('greatest(stays.valid_from, bounds.part_2_from)', 'least(stays.valid_to, bounds.part_3_from)') }}, 0
        )) as business_part_2
    from bounds
    inner join {{ ref('int_merge_request_states') }} as stays
        on bounds.merge_request_id = stays.merge_request_id
    where stays.state = 'closed' and stays.valid_to is not null
    group by bounds.merge_request_id
)

select
    bounds.merge_request_id,
    bounds.project_id,
    bounds.created_at,
    bounds.end_at,
    bounds.ready_at,
    bounds.requested_at,
    bounds.first_review_at,
    bounds.first_requested_review_at,
    bounds.approved_at,
    if(bounds.is_plausible, {{ hours_between('bounds.created_at', 'bounds.end_at') }} - coalesce(closed.whole, 0), null) as cycle_time_hours,
    if(bounds.is_plausible, {{ hours_between('bounds.created_at', 'bounds.part_2_from') }} - coalesce(closed.part_1, 0), null) as hours_before_ready,
    if(bounds.is_plausible, {{ hours_between('bounds.part_2_from', 'bounds.part_3_from') }} - coalesce(closed.part_2, 0), null) as hours_to_first_review,
    if(bounds.is_plausible, {{ hours_between('bounds.part_3_from', 'bounds.part_4_from') }} - coalesce(closed.part_3, 0), null) as hours_in_review,
    if(
        bounds.is_plausible and bounds.approved_at is not null,
        {{ hours_between('bounds.part_4_from', 'bounds.end_at') }} - coalesce(closed.part_4, 0), null
    ) as hours_to_merge,
    if(
        bounds.is_plausible and bounds.first_review_at is null,
        {{ hours_between('bounds.part_2_from', 'bounds.end_at') }} - coalesce(closed.parts_2_to_4, 0), null
    ) as hours_without_review,
    if(
        bounds.is_plausible and bounds.requested_at <= bounds.first_requested_review_at,
        {{ hours_between('bounds.requested_at', 'bounds.first_requested_review_at') }} - coalesce(closed.requested, 0), null
    ) as hours_from_request_to_first_review,
    coalesce(closed.whole, 0) as hours_closed,
    if(bounds.is_plausible, {{ business_hours_between('bounds.created_at', 'bounds.end_at') }} - coalesce(closed.business, 0), null) as business_cycle_time_hours,
    if(
        bounds.is_plausible,
        {{ business_hours_between('bounds.part_2_from', 'bounds.part_3_from') }} - coalesce(closed.business_part_2, 0), null
    ) as business_hours_to_first_review
from bounds
left join closed
    on bounds.merge_request_id = closed.merge_request_id
