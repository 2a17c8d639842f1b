{{ config(materialized='table', enabled='deployments' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) or var('merges_stand_in_for_deployments')) }}


-- Incidents: issues of the types and labels that the variables incident_issue_types and incident_labels name. The cause is the last
-- release of the project before it, if that was within incident_window_hours.
with incidents as (
    select
        issue_id,
        project_id,
        title,
        state,
        issue_type,
        labels,
        created_at,
        if(state = 'closed', closed_at, null) as restored_at,
        is_deleted
    from {{ ref('stg_gitlab__issues') }}
    where
        {{ "issue_type in ('" ~ var('incident_issue_types') | join("', '") ~ "')" if var('incident_issue_types') else 'false' }}
        or {{ has_label('labels', var('incident_labels')) }}
),

line_of_time as (
    select project_id, finished_at as moment, deployment_id, finished_at, cast(null as int64) as issue_id, 0 as place
    from {{ ref('int_deployments') }}
    where is_release and finished_at is not null
    union all
    select project_id, created_at as moment, cast(null as int64) as deployment_id, cast(null as timestamp) as finished_at, issue_id, 1 as place
    from incidents
),

causes as (
    select
        issue_id,
        last_value(deployment_id ignore nulls) over (
            partition by project_id order by moment, place, deployment_id rows between unbounded preceding and current row
        ) as deployment_id,
        last_value(finished_at ignore nulls) over (
            partition by project_id order by moment, place, deployment_id rows between unbounded preceding and current row
        ) as finished_at
    from line_of_time
)

select
    incidents.issue_id as incident_id,
    incidents.project_id,
    incidents.title,
    incidents.issue_type,
    incidents.state,
    incidents.created_at,
    incidents.restored_at,
    {{ hours_between('incidents.created_at', 'incidents.restored_at') }} as hours_to_restore,
    if(
        causes.finished_at >= timestamp_sub(incidents.created_at, interval {{ var('incident_window_hours') }} hour),
        causes.deployment_id, null
    ) as deployment_id,
    incidents.is_deleted
from incidents
left join causes
    on incidents.issue_id = causes.issue_id
