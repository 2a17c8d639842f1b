{{
    config(
        materialized='table',
        partition_by={'field': 'end_at', 'data_type': 'timestamp', 'granularity': 'month'},
        cluster_by=['merge_request_id'],
        meta={'live_rows': 'merge_request_id'}
    )
}}

-- All that can be counted and measured of a merge request, in one row: what the metrics and the weekly marts are made of.
with pushes as (
    select
        notes.merge_request_id,
        countif(notes.created_at > reviews.first_review_at) as pushes_after_review_count
    from {{ ref('int_note_kinds') }} as notes
    inner join {{ ref('int_merge_request_reviews') }} as reviews
        on notes.merge_request_id = reviews.merge_request_id
    where notes.kind = 'push'
    group by notes.merge_request_id
),

-- Of a few merge requests it is asked for, any other one of the project can be the revert.
reverts as (
    select project_id, reverts_iid, min(merged_at) as reverted_at
    from {{ ref('dim_merge_requests') }}
    where state = 'merged' and reverts_iid is not null {{ of_live_projects('project_id') }}
    group by project_id, reverts_iid
),

after_merge as (
    select merge_requests.merge_request_id, countif(pipelines.status = 'failed' and not pipelines.is_flaky) > 0 as has_failed_after_merge
    from {{ ref('dim_merge_requests') }} as merge_requests
    inner join {{ ref('int_pipelines') }} as pipelines
        on merge_requests.project_id = pipelines.project_id and merge_requests.merge_commit_sha = pipelines.sha
    where merge_requests.state = 'merged' {{ of_live_merge_requests('merge_requests.merge_request_id') }}
    group by merge_requests.merge_request_id
),

measured as (
    select
        merge_requests.merge_request_id,
        merge_requests.project_id,
        merge_requests.author_id,
        merge_requests.is_author_bot,
        merge_requests.state,
        merge_requests.size,
        merge_requests.created_at,
        merge_requests.ready_at,
        merge_requests.requested_at,
        merge_requests.first_review_at,
        merge_requests.first_requested_review_at,
        merge_requests.approved_at,
        merge_requests.merged_at,
        merge_requests.end_at,
        merge_requests.state = 'merged' as is_merged,
        merge_requests.state = 'merged' and merge_requests.first_review_at is null as is_merged_without_review,
        starts_with(merge_requests.title, 'Revert "') as is_revert,
        reverts.reverted_at is not null as is_reverted,
        coalesce(after_merge.has_failed_after_merge, false) as has_failed_after_merge,
        times.cycle_time_hours,
        times.hours_before_ready,
        times.hours_to_first_review,
        times.hours_from_request_to_first_review,
        times.hours_in_review,
        times.hours_to_merge,
        times.hours_without_review,
        times.hours_closed,
        waiting.hours_waiting_on_author,
        waiting.hours_waiting_on_reviewers,
        drafts.hours_in_draft,
        times.business_cycle_time_hours,
        times.business_hours_to_first_review,
        merge_requests.review_rounds_count,
        merge_requests.reopened_count,
        merge_requests.reviewers_count,
        merge_requests.approvals_count,
        merge_requests.comments_count,
        merge_requests.review_comments_count,
        if(merge_requests.first_review_at is null, 0, coalesce(pushes.pushes_after_review_count, 0)) as pushes_after_review_count,
        {% if 'mr_diff_files' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) -%}
        rework.files_touched_again_count,
        {%- else -%}
        cast(null as int64) as files_touched_again_count,
        {%- endif %}
        merge_requests.changed_lines_count,
        merge_requests.changed_files_count,
        merge_requests.pipelines_count,
        merge_requests.failed_pipelines_count,
        merge_requests.flaky_pipelines_count,
        {{ risk_score({
            'conflicts': 'false',
            'pipeline_failed': "coalesce(merge_requests.last_pipeline_status = 'failed', false)",
            'changes_requested': 'merge_requests.has_changes_requested',
            'merge_blocked': 'false',
            'approvals_left': 'greatest(merge_requests.approvals_required - merge_requests.approvals_count, 0)',
            'unresolved_threads': 'merge_requests.unresolved_discussions_count',
            'size': 'merge_requests.size',
            'age_hours': 'times.cycle_time_hours',
            'author_failure_rate': '0',
            'project_conflict_rate': '0',
            'sensitive_label': has_sensitive_label('merge_requests.labels'),
            'draft': 'merge_requests.is_draft'
        }) | indent(8) }} as risk_score_at_end
    from {{ ref('dim_merge_requests') }} as merge_requests
    inner join {{ ref('int_merge_request_times') }} as times
        on merge_requests.merge_request_id = times.merge_request_id
    left join {{ ref('int_merge_request_waiting') }} as waiting
        on merge_requests.merge_request_id = waiting.merge_request_id
    left join {{ ref('int_merge_request_drafts') }} as drafts
        on merge_requests.merge_request_id = drafts.merge_request_id
    left join pushes
        on merge_requests.merge_request_id = pushes.merge_request_id
    left join reverts
        on merge_requests.project_id = reverts.project_id and merge_requests.merge_request_iid = reverts.reverts_iid
    left join after_merge
        on merge_requests.merge_request_id = after_merge.merge_request_id
    {%- if 'mr_diff_files' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) %}
    left join {{ ref('int_merge_request_rework') }} as rework
        on merge_requests.merge_request_id = rework.merge_request_id
    {%- endif %}
    {{ of_live_merge_requests('merge_requests.merge_request_id', 'where') }} {{ of_live_projects('merge_requests.project_id') }}
)

select
    * except (risk_score_at_end),
    if(end_at is null, null, risk_score_at_end) as risk_score_at_end
from measured
