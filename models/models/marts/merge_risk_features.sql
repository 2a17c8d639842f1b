-- Open merge requests with what speaks against merging them now. A view: every window ends at the current time. It reads marts only, so
-- that who may read the marts may read it.
with author_pipelines as (
    select
        user_id,
        safe_divide(countif(is_failed), countif(is_finished)) as fail_rate
    from {{ ref('fct_pipelines') }}
    where
        coalesce(finished_at, created_at) > timestamp_sub({{ now() }}, interval 168 hour)
        -- GitLab ends a pipeline after a month at most: a bound that lets BigQuery skip older months.
        and created_at > timestamp_sub({{ now() }}, interval 960 hour)
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
        activity.is_author_bot,
        activity.age_hours,
        activity.notes_count_24h,
        coalesce(activity.last_pipeline_status = 'failed', false) as last_pipeline_status_is_fail,
        activity.approvals_left,
        {{ change_size('(activity.additions + activity.deletions)') }} as change_size_bucket,
        author_pipelines.fail_rate as author_recent_fail_rate_7d,
        project_conflicts.conflict_rate as repo_merge_conflict_rate_14d,
        activity.work_in_progress,
        {{ has_sensitive_label('activity.labels') | indent(8) }} as labels_sensitive,
        coalesce(merge_requests.has_conflicts or merge_requests.detailed_merge_status = 'conflict', false) as has_conflicts,
        coalesce(
            merge_requests.has_changes_requested or merge_requests.detailed_merge_status = 'requested_changes', false
        ) as has_changes_requested,
        greatest(coalesce(merge_requests.unresolved_discussions_count, 0), 0) as unresolved_discussions_count,
        merge_requests.detailed_merge_status,
        -- What GitLab itself says against it and no other feature counts: the rest of its words tell of approvals, pipelines, conflicts,
        -- drafts and requested changes, or that it has not looked yet.
        coalesce(merge_requests.detailed_merge_status in (
            'need_rebase', 'discussions_not_resolved', 'blocked_status', 'merge_request_blocked', 'external_status_checks',
            'status_checks_must_pass', 'policies_denied', 'security_policy_violations', 'jira_association_missing', 'locked_paths',
            'locked_lfs_files', 'commits_status', 'title_regex', 'broken_status'
        ), false) as is_merge_blocked
    from {{ ref('mr_activity_view') }} as activity
    inner join {{ ref('dim_merge_requests') }} as merge_requests
        on activity.mr_id = merge_requests.merge_request_id
    left join author_pipelines
        on activity.author_id = author_pipelines.user_id
    left join project_conflicts
        on activity.project_id = project_conflicts.project_id
    where activity.state = 'opened'
),

scored as (
    select
        *,
        {{ risk_score({
            'conflicts': 'has_conflicts',
            'pipeline_failed': 'last_pipeline_status_is_fail',
            'changes_requested': 'has_changes_requested',
            'merge_blocked': 'is_merge_blocked',
            'approvals_left': 'approvals_left',
            'unresolved_threads': 'unresolved_discussions_count',
            'size': 'change_size_bucket',
            'age_hours': 'age_hours',
            'author_failure_rate': 'author_recent_fail_rate_7d',
            'project_conflict_rate': 'repo_merge_conflict_rate_14d',
            'sensitive_label': 'labels_sensitive',
            'draft': 'work_in_progress'
        }) | indent(8) }} as risk_score_rule
    from features
)

select
    *,
    {{ risk_label('risk_score_rule') }} as risk_label
from scored
