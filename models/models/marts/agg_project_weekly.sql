{{ config(materialized='table') }}

-- One row per project and week in which anything happened. Medians leave out what bots opened, unless include_bots says otherwise.
with opened as (
    select project_id, {{ week_start(local_date('created_at')) }} as week, count(*) as opened_count
    from {{ ref('dim_merge_requests') }}
    group by project_id, week
),

ended as (
    select
        project_id,
        state,
        is_author_bot,
        {{ week_start(local_date('end_at')) }} as week,
        cycle_time_hours,
        hours_to_first_review
    from {{ ref('dim_merge_requests') }}
    where end_at is not null
),

-- PERCENTILE_CONT is exact and the same everywhere, but only a window function: hence the two steps.
merged_spread as (
    select
        project_id,
        week,
        percentile_cont(cycle_time_hours, 0.5) over (partition by project_id, week) as median_cycle_time_hours,
        percentile_cont(cycle_time_hours, 0.9) over (partition by project_id, week) as p90_cycle_time_hours,
        percentile_cont(hours_to_first_review, 0.5) over (partition by project_id, week) as median_hours_to_first_review
    from ended
    where state = 'merged' and {{ counts_in_medians('is_author_bot') }}
),

merged_all as (
    select project_id, week, count(*) as merged_count, countif(is_author_bot) as merged_by_bots_count
    from ended
    where state = 'merged'
    group by project_id, week
),

merged as (
    select
        project_id,
        week,
        max(median_cycle_time_hours) as median_cycle_time_hours,
        max(p90_cycle_time_hours) as p90_cycle_time_hours,
        max(median_hours_to_first_review) as median_hours_to_first_review
    from merged_spread
    group by project_id, week
),

closed as (
    select project_id, week, count(*) as closed_count
    from ended
    where state = 'closed'
    group by project_id, week
),

reviews as (
    select
        project_id,
        {{ week_start(local_date('created_at')) }} as week,
        count(distinct reviewer_id) as reviewers_count,
        countif(kind = 'comment') as review_comments_count
    from {{ ref('int_review_events') }}
    where kind != 'unapproval'
    group by project_id, week
),

pipelines as (
    select
        project_id,
        {{ week_start(local_date('created_at')) }} as week,
        countif(status in ('success', 'failed')) as finished_pipelines_count,
        countif(status = 'failed') as failed_pipelines_count,
        countif(is_flaky) as flaky_pipelines_count
    from {{ ref('int_pipelines') }}
    group by project_id, week
),

weeks as (
    select project_id, week from opened
    union distinct
    select project_id, week from ended
    union distinct
    select project_id, week from reviews
    union distinct
    select project_id, week from pipelines
)

select
    weeks.project_id,
    weeks.week,
    coalesce(opened.opened_count, 0) as opened_count,
    coalesce(merged_all.merged_count, 0) as merged_count,
    coalesce(merged_all.merged_by_bots_count, 0) as merged_by_bots_count,
    coalesce(closed.closed_count, 0) as closed_count,
    merged.median_cycle_time_hours,
    merged.p90_cycle_time_hours,
    merged.median_hours_to_first_review,
    coalesce(reviews.reviewers_count, 0) as reviewers_count,
    coalesce(reviews.review_comments_count, 0) as review_comments_count,
    coalesce(pipelines.finished_pipelines_count, 0) as finished_pipelines_count,
    coalesce(pipelines.failed_pipelines_count, 0) as failed_pipelines_count,
    coalesce(pipelines.flaky_pipelines_count, 0) as flaky_pipelines_count,
    safe_divide(pipelines.failed_pipelines_count, pipelines.finished_pipelines_count) as pipeline_failure_rate
from weeks
left join opened on weeks.project_id = opened.project_id and weeks.week = opened.week
left join merged_all on weeks.project_id = merged_all.project_id and weeks.week = merged_all.week
left join merged on weeks.project_id = merged.project_id and weeks.week = merged.week
left join closed on weeks.project_id = closed.project_id and weeks.week = closed.week
left join reviews on weeks.project_id = reviews.project_id and weeks.week = reviews.week
left join pipelines on weeks.project_id = pipelines.project_id and weeks.week = pipelines.week
