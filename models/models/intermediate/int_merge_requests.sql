-- All that dim_merge_requests holds, computed from scratch. Nothing in it depends on the current time, so that a row only
-- has to be computed again when its inputs changed.
with reopenings as (
    select merge_request_id, countif(state = 'opened') - 1 as reopened_count
    from {{ ref('int_merge_request_states') }}
    group by merge_request_id
),

objections as (
    select merge_request_id, countif(review_state = 'requested_changes') > 0 as has_changes_requested
    from {{ ref('stg_gitlab__mr_reviewers') }}
    group by merge_request_id
)

select
    merge_requests.merge_request_id,
    merge_requests.merge_request_iid,
    merge_requests.project_id,
    projects.project_path,
    merge_requests.title,
    merge_requests.state,
    merge_requests.is_draft,
    merge_requests.author_id,
    authors.username as author_username,
    coalesce(authors.is_bot, false) as is_author_bot,
    merge_requests.assignee_id,
    merge_requests.merge_user_id,
    merge_users.username as merge_user_username,
    merge_requests.source_branch,
    merge_requests.target_branch,
    merge_requests.additions,
    merge_requests.deletions,
    merge_requests.additions + merge_requests.deletions as changed_lines_count,
    merge_requests.changed_files_count,
    {{ change_size('(merge_requests.additions + merge_requests.deletions)') }} as size,
    merge_requests.commits_count,
    merge_requests.created_at,
    merge_requests.updated_at,
    merge_requests.merged_at,
    merge_requests.closed_at,
    times.end_at,
    times.ready_at,
    times.requested_at,
    times.first_review_at,
    times.first_requested_review_at,
    times.approved_at,
    times.cycle_time_hours,
    times.hours_to_first_review,
    times.hours_from_request_to_first_review,
    array_length(merge_requests.reviewer_ids) as requested_reviewers_count,
    coalesce(reviews.reviewers_count, 0) as reviewers_count,
    coalesce(reviews.approvals_count, 0) as approvals_count,
    coalesce(rounds.review_rounds_count, 0) as review_rounds_count,
    merge_requests.approvals_left,
    merge_requests.approvals_required,
    coalesce(comments.comments_count, 0) as comments_count,
    coalesce(reviews.review_comments_count, 0) as review_comments_count,
    coalesce(pipelines.last_pipeline_status, merge_requests.last_pipeline_status) as last_pipeline_status,
    pipelines.last_pipeline_created_at,
    coalesce(pipelines.pipelines_count, 0) as pipelines_count,
    coalesce(pipelines.failed_pipelines_count, 0) as failed_pipelines_count,
    coalesce(pipelines.flaky_pipelines_count, 0) as flaky_pipelines_count,
    merge_requests.has_conflicts,
    coalesce(objections.has_changes_requested, false) as has_changes_requested,
    merge_requests.resolvable_discussions_count - merge_requests.resolved_discussions_count as unresolved_discussions_count,
    merge_requests.detailed_merge_status,
    {% if 'mr_state_events' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) -%}
    coalesce(reopenings.reopened_count, 0) as reopened_count,
    {%- else -%}
    -- Without events only old notes tell of a reopening: none told is unknown.
    nullif(reopenings.reopened_count, 0) as reopened_count,
    {%- endif %}
    merge_requests.labels,
    merge_requests.milestone_id,
    merge_requests.milestone_title,
    merge_requests.merge_commit_sha,
    merge_requests.web_url,
    -- GitLab's own words of a revert.
    if(
        starts_with(merge_requests.title, 'Revert "'),
        safe_cast(regexp_extract(merge_requests.description, r'This reverts merge request !(\d+)') as int64), null
    ) as reverts_iid,
    inputs.inputs_synced_at,
    {{ rules_version('dim_merge_requests') }} as rules_version
from {{ ref('stg_gitlab__merge_requests') }} as merge_requests
inner join {{ ref('int_merge_request_inputs') }} as inputs
    on merge_requests.merge_request_id = inputs.merge_request_id
inner join {{ ref('int_merge_request_times') }} as times
    on merge_requests.merge_request_id = times.merge_request_id
left join {{ ref('int_merge_request_reviews') }} as reviews
    on merge_requests.merge_request_id = reviews.merge_request_id
left join {{ ref('int_merge_request_rounds') }} as rounds
    on merge_requests.merge_request_id = rounds.merge_request_id
left join objections
    on merge_requests.merge_request_id = objections.merge_request_id
left join reopenings
    on merge_requests.merge_request_id = reopenings.merge_request_id
left join {{ ref('int_merge_request_comments') }} as comments
    on merge_requests.merge_request_id = comments.merge_request_id
left join {{ ref('int_merge_request_pipelines') }} as pipelines
    on merge_requests.merge_request_id = pipelines.merge_request_id
left join {{ ref('stg_gitlab__projects') }} as projects
    on merge_requests.project_id = projects.project_id
left join {{ ref('int_users') }} as authors
    on merge_requests.author_id = authors.user_id
left join {{ ref('int_users') }} as merge_users
    on merge_requests.merge_user_id = merge_users.user_id
