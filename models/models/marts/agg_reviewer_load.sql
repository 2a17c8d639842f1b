{{ config(materialized='table', cluster_by=['reviewer_id']) }}

-- One row per reviewer and week in which the person reviewed.
with events as (
    select
        reviewer_id,
        {{ week_start(local_date('created_at')) }} as week,
        merge_request_id,
        author_id,
        is_standing_approval,
        kind
    from {{ ref('int_review_events') }}
    where kind != 'unapproval'
),

work as (
    select
        reviewer_id,
        week,
        count(distinct merge_request_id) as reviewed_mrs_count,
        count(distinct author_id) as authors_count,
        countif(kind = 'comment') as comments_count,
        countif(is_standing_approval) as approvals_count,
        countif(kind = 'approval') as approvals_given_count,
        countif(kind = 'change_request') as change_requests_count
    from events
    group by reviewer_id, week
),

-- PERCENTILE_CONT is exact and the same everywhere, but only a window function: hence the two steps.
first_spread as (
    select
        reviewer_id,
        {{ week_start(local_date('first_review_at')) }} as week,
        percentile_cont(hours_to_first_review, 0.5) over (
            partition by reviewer_id, {{ week_start(local_date('first_review_at')) }}
        ) as median_hours_to_first_review
    from {{ ref('fct_reviews') }}
    where first_review_at is not null
),

firsts as (
    select
        reviewer_id,
        week,
        count(*) as new_mrs_count,
        max(median_hours_to_first_review) as median_hours_to_first_review
    from first_spread
    group by reviewer_id, week
)

select
    work.reviewer_id,
    work.week,
    work.reviewed_mrs_count,
    coalesce(firsts.new_mrs_count, 0) as new_mrs_count,
    work.authors_count,
    work.comments_count,
    work.approvals_count,
    work.approvals_given_count,
    work.change_requests_count,
    firsts.median_hours_to_first_review,
    work.reviewed_mrs_count / sum(work.reviewed_mrs_count) over (partition by work.week) as share_of_week
from work
left join firsts on work.reviewer_id = firsts.reviewer_id and work.week = firsts.week
