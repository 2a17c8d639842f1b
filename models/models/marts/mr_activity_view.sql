-- A view, because half of it depends on the current time. It reads marts only, so that who may read the marts may read it, and of the
-- comments the last two months.
with comments as (
    select merge_request_id, count(*) as comments_count_24h
    from {{ ref('fct_comments') }}
    where created_at > timestamp_sub({{ now() }}, interval 24 hour) and not is_by_bot
    group by merge_request_id
)

select
    merge_requests.merge_request_id as mr_id,
    merge_requests.project_id,
    merge_requests.title,
    merge_requests.author_id,
    merge_requests.is_author_bot,
    merge_requests.created_at,
    merge_requests.state,
    merge_requests.last_pipeline_status,
    timestamp_diff({{ now() }}, merge_requests.last_pipeline_created_at, second) / 60 as last_pipeline_age_min,
    coalesce(comments.comments_count_24h, 0) as notes_count_24h,
    merge_requests.approvals_left,
    merge_requests.additions,
    merge_requests.deletions,
    -- Until its end; unknown if that has no time, and never negative, as imports would have it.
    greatest(0, {{ hours_between(
        'merge_requests.created_at',
        "case when merge_requests.state in ('merged', 'closed') then merge_requests.end_at else " ~ now() ~ " end"
    ) }}) as age_hours,
    merge_requests.source_branch,
    merge_requests.target_branch,
    merge_requests.web_url,
    merge_requests.assignee_id,
    merge_requests.updated_at,
    merge_requests.merged_at,
    merge_requests.closed_at,
    merge_requests.is_draft as work_in_progress,
    merge_requests.labels,
    merge_requests.milestone_id,
    merge_requests.merge_user_id,
    merge_requests.merge_commit_sha
from {{ ref('dim_merge_requests') }} as merge_requests
left join comments
    on merge_requests.merge_request_id = comments.merge_request_id
