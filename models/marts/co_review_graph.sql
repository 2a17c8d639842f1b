{{ config(materialized='table') }}

-- Who reviews whom. An approval weighs as much as three comments: it takes responsibility for the change.
with pairs as (
    select
        author_id,
        reviewer_id,
        count(*) as interaction_count,
        countif(kind = 'approval') as approval_count,
        count(distinct merge_request_id) as review_count,
        countif(kind = 'comment') as comment_count,
        max(created_at) as last_interaction_at
    from {{ ref('int_review_events') }}
    where author_id is not null and kind != 'unapproval'
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
