-- Open merge requests with what speaks against merging them now. A view: every window ends at the current time.
with author_pipelines as (
    select
        user_id,
        safe_divide(countif(status = 'failed'), countif(status in ('failed', 'success'))) as fail_rate
    from {{ ref('stg_gitlab__pipelines') }}
    where coalesce(finished_at, updated_at) > timestamp_sub({{ now() }}, interval 168 hour)
    group by user_id
),

project_conflicts as (
    -- Those still open: when a merge request ends, GitLab no longer says whether it had conflicts.
    select
        project_id,
        safe_divide(countif(has_conflicts), count(*)) as conflict_rate
    from {{ ref('dim_merge_requests') }}
    where state = 'opened' and updated_at > timestamp_sub({{ now() }}, interval 336 hour)
    group by project_id
),

features as (
    select
        activity.mr_id,
        activity.project_id,
        activity.age_hours,
        activity.notes_count_24h,
        coalesce(activity.last_pipeline_status = 'failed', false) as last_pipeline_status_is_fail,
        activity.approvals_left,
        {{ change_size('(activity.additions + activity.deletions)') }} as change_size_bucket,
        author_pipelines.fail_rate as author_recent_fail_rate_7d,
        project_conflicts.conflict_rate as repo_merge_conflict_rate_14d,
        activity.work_in_progress,
        {% if var('sensitive_label_words') -%}
        exists(
            select 1 from unnest(activity.labels) as label
            where regexp_contains(lower(label), r'{{ var("sensitive_label_words") | join("|") }}')
        ) as labels_sensitive
        {%- else -%}
        false as labels_sensitive
        {%- endif %}
    from {{ ref('mr_activity_view') }} as activity
    left join author_pipelines
        on activity.author_id = author_pipelines.user_id
    left join project_conflicts
        on activity.project_id = project_conflicts.project_id
    where activity.state = 'opened'
),

scored as (
    select
        *,
        {{ risk_score('last_pipeline_status_is_fail', 'approvals_left', 'change_size_bucket', 'age_hours',
                      'author_recent_fail_rate_7d', 'repo_merge_conflict_rate_14d', 'labels_sensitive', 'work_in_progress') }}
            as risk_score_rule
    from features
)

select
    *,
    {{ risk_label('risk_score_rule') }} as risk_label
from scored
