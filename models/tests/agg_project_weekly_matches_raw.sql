{{ config(tags=['nightly'], severity='error' if target.name == 'local' else 'warn') }}

-- Each merge request is opened in one week and ends in at most one; each pipeline and each comment by another person is in one.
-- Weeks begin on one and the same day.
with counts as (
    select
        project_id, count(*) as opened, countif(state = 'merged' and merged_at is not null) as merged,
        countif(state = 'closed' and closed_at is not null) as closed, 0 as finished, 0 as failed, 0 as comments
    from {{ source('gitlab', 'merge_requests') }}
    where not coalesce(_deleted, false)
    group by project_id
    union all
    select
        project_id, 0 as opened, 0 as merged, 0 as closed, countif(status in ('success', 'failed')) as finished,
        countif(status = 'failed') as failed, 0 as comments
    -- What GitLab deleted ran all the same.
    from {{ source('gitlab', 'pipelines') }}
    group by project_id
    union all
    select notes.project_id, 0 as opened, 0 as merged, 0 as closed, 0 as finished, 0 as failed, count(*) as comments
    from {{ source('gitlab', 'mr_notes') }} as notes
    inner join {{ source('gitlab', 'merge_requests') }} as merge_requests on notes.merge_request_id = merge_requests.id
    left join {{ source('gitlab', 'users') }} as users on notes.author_id = users.id
    where
        not coalesce(notes._deleted, false) and not coalesce(merge_requests._deleted, false)
        and not coalesce(notes.`system`, false) and coalesce(not ({{ is_bot('users.bot', 'users.username') }} or {{ is_ghost('users.username') }}), true)
        and notes.author_id != coalesce(merge_requests.author_id, -1)
    group by notes.project_id
),

raw as (
    select
        project_id, sum(opened) as opened, sum(merged) as merged, sum(closed) as closed, sum(finished) as finished,
        sum(failed) as failed, sum(comments) as comments
    from counts
    group by project_id
),

mart as (
    select
        project_id, sum(opened_count) as opened, sum(merged_count) as merged, sum(closed_count) as closed,
        sum(finished_pipelines_count) as finished, sum(failed_pipelines_count) as failed, sum(review_comments_count) as comments,
        count(distinct extract(dayofweek from week)) - 1 as other_days,
        count(*) - count(distinct week) as repeated_weeks
    from {{ ref('agg_project_weekly') }}
    group by project_id
)

select
    raw.*, mart.opened as mart_opened, mart.merged as mart_merged, mart.closed as mart_closed, mart.finished as mart_finished,
    mart.failed as mart_failed, mart.comments as mart_comments
from raw
full outer join mart on raw.project_id = mart.project_id
where
    raw.project_id is null or mart.project_id is null or raw.opened != mart.opened or raw.merged != mart.merged
    or raw.closed != mart.closed or raw.finished != mart.finished or raw.failed != mart.failed or raw.comments != mart.comments
    or mart.other_days > 0 or mart.repeated_weeks > 0
