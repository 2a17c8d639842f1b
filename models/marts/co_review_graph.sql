{{ config(materialized='table') }}

-- Who reviews whom. An approval weighs as much as three comments: it takes responsibility for the change.
with events as (
    select author_id, reviewer_id, merge_request_id, kind, created_at
    from {{ ref('int_review_events') }}
    where author_id is not null and kind != 'unapproval'
),

-- Approvals that no note tells of, as imports leave them. When they were given is unknown: no later than the last change.
untold_approvals as (
    select
        merge_requests.author_id,
        approvals.user_id as reviewer_id,
        approvals.merge_request_id,
        'approval' as kind,
        coalesce({{ ended_at('merge_requests') }}, merge_requests.updated_at) as created_at
    from {{ ref('stg_gitlab__mr_approvals') }} as approvals
    inner join {{ ref('stg_gitlab__merge_requests') }} as merge_requests
        on approvals.merge_request_id = merge_requests.merge_request_id
    left join {{ ref('stg_gitlab__users') }} as users
        on approvals.user_id = users.user_id
    left join (select distinct merge_request_id, reviewer_id from events where kind = 'approval') as told
        on approvals.merge_request_id = told.merge_request_id and approvals.user_id = told.reviewer_id
    where
        told.reviewer_id is null
        and merge_requests.author_id != approvals.user_id
        and not coalesce(users.is_bot, false)
),

pairs as (
    select
        author_id,
        reviewer_id,
        count(*) as interaction_count,
        countif(kind = 'approval') as approval_count,
        count(distinct merge_request_id) as review_count,
        countif(kind = 'comment') as comment_count,
        max(created_at) as last_interaction_at
    from (select * from events union all select * from untold_approvals)
    group by author_id, reviewer_id
),

weighted as (
    select
        *,
        -- Halves with every half-life since the last interaction.
        pow(0.5, {{ hours_between('last_interaction_at', now()) }} / (24 * {{ var('review_half_life_days') }})) as recency_multiplier,
        -- Reviewing many merge requests says more than many comments on one.
        1 + ln(review_count) as frequency_multiplier
    from pairs
),

final as (
    select
        *,
        (interaction_count + 2 * approval_count) * recency_multiplier * frequency_multiplier as final_weight
    from weighted
)

select
    *,
    row_number() over (partition by author_id order by final_weight desc, reviewer_id) as rank_by_weight
from final
