{{ config(materialized='table') }}

-- Who reviews whom. An approval weighs as much as several comments (approval_weight): it takes responsibility for the change. One given
-- again after a push is not another one.
with events as (
    select
        author_id,
        reviewer_id,
        merge_request_id,
        kind,
        created_at,
        row_number() over (
            partition by merge_request_id, reviewer_id, kind order by created_at desc, note_id desc
        ) = 1 or kind != 'approval' as is_weighed
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
        coalesce({{ ended_at('merge_requests') }}, merge_requests.updated_at) as created_at,
        true as is_weighed
    from {{ ref('stg_gitlab__mr_approvals') }} as approvals
    inner join {{ ref('stg_gitlab__merge_requests') }} as merge_requests
        on approvals.merge_request_id = merge_requests.merge_request_id
    left join {{ ref('int_users') }} as users
        on approvals.user_id = users.user_id
    left join (select distinct merge_request_id, reviewer_id from events where kind = 'approval') as told
        on approvals.merge_request_id = told.merge_request_id and approvals.user_id = told.reviewer_id
    where
        told.reviewer_id is null
        and merge_requests.author_id != approvals.user_id
        and coalesce(users.is_person, true)
),

pairs as (
    select
        events.author_id,
        events.reviewer_id,
        count(*) as interaction_count,
        countif(events.kind = 'approval') as approval_count,
        count(distinct events.merge_request_id) as review_count,
        countif(events.kind = 'comment') as comment_count,
        max(events.created_at) as last_interaction_at,
        -- Each review halves by itself: what is old stays little, however recent the last one is.
        sum(if(
            events.is_weighed,
            if(events.kind = 'approval', {{ var('approval_weight') }}, 1)
            * pow(0.5, {{ hours_between('events.created_at', now()) }} / (24 * {{ var('review_half_life_days') }})),
            0
        )) as decayed_weight
    from (select * from events union all select * from untold_approvals) as events
    left join {{ ref('int_users') }} as authors
        on events.author_id = authors.user_id
    where not coalesce(authors.is_ghost, false)
    group by events.author_id, events.reviewer_id
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
        weighted.* except (decayed_weight),
        weighted.decayed_weight * weighted.frequency_multiplier as final_weight,
        coalesce(reviewers.state = 'active', true) as is_reviewer_active,
        coalesce(reviewers.open_review_requests_count, 0) as open_review_requests_count
    from weighted
    left join {{ ref('dim_users') }} as reviewers
        on weighted.reviewer_id = reviewers.user_id
)

select
    author_id,
    reviewer_id,
    interaction_count,
    approval_count,
    review_count,
    comment_count,
    last_interaction_at,
    recency_multiplier,
    frequency_multiplier,
    final_weight,
    -- Who left is not proposed.
    if(
        is_reviewer_active,
        row_number() over (partition by author_id, is_reviewer_active order by final_weight desc, reviewer_id), null
    ) as rank_by_weight,
    is_reviewer_active,
    final_weight / (1 + open_review_requests_count) as available_weight,
    if(
        is_reviewer_active,
        row_number() over (
            partition by author_id, is_reviewer_active order by final_weight / (1 + open_review_requests_count) desc, reviewer_id
        ), null
    ) as rank_by_available_weight
from final
