{{ config(materialized='table', cluster_by=['issue_id']) }}


-- Issues; those that GitLab deleted since, too.
{% set has_events = 'issue_state_events' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) -%}
{% if has_events -%}
with events as (
    select issue_id, state, lag(state) over (partition by issue_id order by created_at, state_event_id) as state_before
    from {{ ref('stg_gitlab__issue_state_events') }}
),

-- GitLab can tell of the same change twice.
reopenings as (
    select issue_id, countif(state = 'reopened' and coalesce(state_before, 'closed') != 'reopened') as reopened_count
    from events
    group by issue_id
)

{% endif -%}
select
    issues.issue_id,
    issues.project_id,
    issues.issue_type,
    issues.state,
    issues.state = 'closed' as is_closed,
    issues.author_id,
    issues.labels,
    issues.milestone_id,
    issues.weight,
    issues.created_at,
    issues.updated_at,
    if(issues.state = 'closed', issues.closed_at, null) as closed_at,
    if(
        issues.state = 'closed' and issues.closed_at >= issues.created_at,
        {{ hours_between('issues.created_at', 'issues.closed_at') }}, null
    ) as lead_time_hours,
    if(
        issues.state != 'closed' and not issues.is_deleted and issues.created_at <= {{ now() }},
        {{ hours_between('issues.created_at', now()) }}, null
    ) as age_hours,
    {% if has_events -%}
    coalesce(reopenings.reopened_count, 0) as reopened_count,
    coalesce(reopenings.reopened_count, 0) > 0 as is_reopened,
    {%- else -%}
    cast(null as int64) as reopened_count,
    cast(null as bool) as is_reopened,
    {%- endif %}
    issues.is_deleted
from {{ ref('stg_gitlab__issues') }} as issues
{%- if has_events %}
left join reopenings
    on issues.issue_id = reopenings.issue_id
{%- endif %}
where not issues.is_confidential
