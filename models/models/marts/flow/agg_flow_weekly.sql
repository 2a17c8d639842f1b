{{ config(materialized='table', cluster_by=['scope_type', 'scope_id']) }}


-- Where time goes, by project, group and the whole, week by week from the first merge on; silent weeks are rows. Of what people merged in
-- the week; bots' merge requests are left out unless the variable include_bots is set.
with merged as (
    select
        scopes.scope_type,
        scopes.scope_id,
        {{ week_start(local_date('facts.merged_at')) }} as week,
        -- Before and after the cycle time.
        {% if 'mr_commits' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) -%}
        greatest(0, {{ hours_between('commits.first_commit_at', 'facts.created_at') }}) as hours_coding,
        {%- else -%}
        cast(null as float64) as hours_coding,
        {%- endif %}
        {% if has_dora() -%}
        changes.hours_from_merge_to_deployment as hours_to_deploy,
        {%- else -%}
        cast(null as float64) as hours_to_deploy,
        {%- endif %}
        facts.*
    from {{ ref('fct_merge_requests') }} as facts
    inner join {{ ref('int_project_scopes') }} as scopes
        on facts.project_id = scopes.project_id
    {%- if 'mr_commits' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) %}
    left join {{ ref('int_merge_request_first_commits') }} as commits
        on facts.merge_request_id = commits.merge_request_id
    {%- endif %}
    {%- if has_dora() %}
    left join {{ ref('fct_changes') }} as changes
        on facts.merge_request_id = changes.merge_request_id
    {%- endif %}
    where facts.is_merged and facts.cycle_time_hours is not null and {{ counts_in_medians('facts.is_author_bot') }}
),

-- PERCENTILE_CONT is exact and the same everywhere, but only a window function: hence the two steps.
spread as (
    select
        *,
        percentile_cont(cycle_time_hours, 0.5) over (partition by scope_type, scope_id, week) as median_cycle_time_hours,
        percentile_cont(hours_to_first_review, 0.5) over (partition by scope_type, scope_id, week) as median_hours_to_first_review,
        percentile_cont(hours_coding, 0.5) over (partition by scope_type, scope_id, week) as median_hours_coding,
        percentile_cont(hours_to_deploy, 0.5) over (partition by scope_type, scope_id, week) as median_hours_to_deploy,
        percentile_cont(changed_lines_count, 0.5) over (partition by scope_type, scope_id, week) as median_changed_lines
    from merged
),

weekly as (
    select
        scope_type,
        scope_id,
        week,
        count(*) as merged_count,
        max(median_cycle_time_hours) as median_cycle_time_hours,
        max(median_hours_to_first_review) as median_hours_to_first_review,
        sum(cycle_time_hours) as cycle_time_hours,
        sum(hours_before_ready) as hours_before_ready,
        sum(coalesce(hours_to_first_review, 0)) as hours_to_first_review,
        sum(coalesce(hours_in_review, 0)) as hours_in_review,
        sum(coalesce(hours_to_merge, 0)) as hours_to_merge,
        sum(coalesce(hours_without_review, 0)) as hours_without_review,
        sum(hours_waiting_on_author) as hours_waiting_on_author,
        sum(hours_waiting_on_reviewers) as hours_waiting_on_reviewers,
        sum(hours_coding) as hours_coding,
        max(median_hours_coding) as median_hours_coding,
        countif(hours_to_deploy is not null) as deployed_count,
        sum(hours_to_deploy) as hours_to_deploy,
        max(median_hours_to_deploy) as median_hours_to_deploy,
        countif(is_merged_without_review) as merged_without_review_count,
        countif(is_revert) as reverts_count,
        sum(pushes_after_review_count) as pushes_after_review_count,
        sum(files_touched_again_count) as files_touched_again_count,
        sum(review_comments_count) as review_comments_count,
        sum(changed_lines_count) as changed_lines_count,
        max(median_changed_lines) as median_changed_lines
    from spread
    group by scope_type, scope_id, week
),

begins as (
    select scope_type, scope_id, min(week) as first_week
    from weekly
    group by scope_type, scope_id
),

weeks as (
    select begins.scope_type, begins.scope_id, calendar.week
    from begins
    inner join (select distinct week from {{ ref('dim_date') }}) as calendar
        on calendar.week >= begins.first_week and calendar.week <= {{ local_date(now()) }}
)

select
    weeks.scope_type,
    weeks.scope_id,
    names.scope_path,
    weeks.week,
    coalesce(weekly.merged_count, 0) as merged_count,
    weekly.median_cycle_time_hours,
    weekly.median_hours_to_first_review,
    coalesce(weekly.cycle_time_hours, 0) as cycle_time_hours,
    coalesce(weekly.hours_before_ready, 0) as hours_before_ready,
    coalesce(weekly.hours_to_first_review, 0) as hours_to_first_review,
    coalesce(weekly.hours_in_review, 0) as hours_in_review,
    coalesce(weekly.hours_to_merge, 0) as hours_to_merge,
    coalesce(weekly.hours_without_review, 0) as hours_without_review,
    coalesce(weekly.hours_waiting_on_author, 0) as hours_waiting_on_author,
    coalesce(weekly.hours_waiting_on_reviewers, 0) as hours_waiting_on_reviewers,
    -- Of the time until the merge, the part in which it did not just lie: for the first look, or approved for the button.
    1 - safe_divide(weekly.hours_to_first_review + weekly.hours_to_merge, weekly.cycle_time_hours) as flow_efficiency_share,
    case greatest(
        weekly.hours_before_ready, weekly.hours_to_first_review, weekly.hours_in_review, weekly.hours_to_merge, weekly.hours_without_review
    )
        when weekly.hours_to_first_review then 'first review'
        when weekly.hours_in_review then 'review'
        when weekly.hours_to_merge then 'merge'
        when weekly.hours_before_ready then 'draft'
        when weekly.hours_without_review then 'without review'
    end as longest_part,
    coalesce(weekly.merged_without_review_count, 0) as merged_without_review_count,
    coalesce(weekly.reverts_count, 0) as reverts_count,
    coalesce(weekly.pushes_after_review_count, 0) as pushes_after_review_count,
    weekly.files_touched_again_count,
    coalesce(weekly.review_comments_count, 0) as review_comments_count,
    coalesce(weekly.changed_lines_count, 0) as changed_lines_count,
    cast(round(weekly.median_changed_lines) as int64) as median_changed_lines_count,
    weekly.hours_coding,
    weekly.median_hours_coding,
    {{ 'coalesce(weekly.deployed_count, 0)' if has_dora() else 'cast(null as int64)' }} as deployed_count,
    weekly.hours_to_deploy,
    weekly.median_hours_to_deploy
from weeks
left join (select distinct scope_type, scope_id, scope_path from {{ ref('int_project_scopes') }}) as names
    on weeks.scope_type = names.scope_type and weeks.scope_id = names.scope_id
left join weekly
    on weeks.scope_type = weekly.scope_type and weeks.scope_id = weekly.scope_id and weeks.week = weekly.week
