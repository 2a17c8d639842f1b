{{ config(materialized='table', enabled='deployments' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) or var('merges_stand_in_for_deployments')) }}


-- Incidents: issues of the types and labels that the variables incident_issue_types and incident_labels name, and the rows of the table
-- that incident_table names. The cause is the last release of the project before it, if that was within incident_window_hours; of the
-- table's the deployment that it names, if it names one.
with incidents as (
    select
        issue_id as incident_id,
        cast(null as string) as external_id,
        project_id,
        -- What only members see in GitLab counts, and is not told.
        if(is_confidential, null, title) as title,
        state,
        issue_type,
        created_at,
        if(state = 'closed', closed_at, null) as restored_at,
        cast(null as int64) as told_deployment_id,
        is_deleted
    from {{ ref('stg_gitlab__issues') }}
    where
        {{ "issue_type in ('" ~ var('incident_issue_types') | join("', '") ~ "')" if var('incident_issue_types') else 'false' }}
        or {{ has_label('labels', var('incident_labels')) }}
    {%- if var('incident_table') %}
    union all
    select
        -- GitLab's ids are above 0.
        -1 - (farm_fingerprint(external_id) & 9223372036854775807) as incident_id,
        external_id,
        project_id,
        title,
        if(restored_at is null, 'opened', 'closed') as state,
        cast(null as string) as issue_type,
        created_at,
        restored_at,
        deployment_id as told_deployment_id,
        false as is_deleted
    from {{ ref('stg_own__incidents') }}
    where external_id is not null and project_id is not null and created_at is not null
    {%- endif %}
),

line_of_time as (
    select project_id, finished_at as moment, deployment_id, finished_at, cast(null as int64) as incident_id, 0 as place
    from {{ ref('int_deployments') }}
    where is_release and finished_at is not null
    union all
    select project_id, created_at as moment, cast(null as int64) as deployment_id, cast(null as timestamp) as finished_at, incident_id, 1 as place
    from incidents
),

causes as (
    select
        incident_id,
        last_value(deployment_id ignore nulls) over (
            partition by project_id order by moment, place, deployment_id rows between unbounded preceding and current row
        ) as deployment_id,
        last_value(finished_at ignore nulls) over (
            partition by project_id order by moment, place, deployment_id rows between unbounded preceding and current row
        ) as finished_at
    from line_of_time
)

select
    incidents.incident_id,
    incidents.external_id,
    incidents.project_id,
    incidents.title,
    incidents.issue_type,
    incidents.state,
    incidents.created_at,
    incidents.restored_at,
    if(
        incidents.restored_at >= incidents.created_at, {{ hours_between('incidents.created_at', 'incidents.restored_at') }}, null
    ) as hours_to_restore,
    coalesce(incidents.told_deployment_id, if(
        causes.finished_at >= timestamp_sub(incidents.created_at, interval {{ var('incident_window_hours') }} hour),
        causes.deployment_id, null
    )) as deployment_id,
    incidents.is_deleted
from incidents
left join causes
    on incidents.incident_id = causes.incident_id
