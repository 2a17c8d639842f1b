{{ config(materialized='table', enabled='deployments' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) or var('merges_stand_in_for_deployments')) }}


-- A release is a successful deployment to production. It failed if an incident followed, or the next release took it back.
with changes as (
    select deployment_id, count(*) as changes_count
    from {{ ref('fct_changes') }}
    where deployment_id is not null
    group by deployment_id
),

incidents as (
    select deployment_id, count(*) as incidents_count
    from {{ ref('fct_incidents') }}
    where deployment_id is not null and not is_deleted
    group by deployment_id
),

followed as (
    select
        deployment_id,
        lead(is_rollback) over (partition by project_id, environment_name order by finished_at, deployment_id) as is_rolled_back
    from {{ ref('int_deployments') }}
    where is_release
)

select
    deployments.deployment_id,
    deployments.project_id,
    deployments.environment_name,
    deployments.environment_tier,
    deployments.status,
    deployments.is_production,
    deployments.is_release,
    deployments.is_rollback,
    coalesce(followed.is_rolled_back, false) as is_rolled_back,
    coalesce(incidents.incidents_count, 0) as incidents_count,
    deployments.is_release
    and (coalesce(followed.is_rolled_back, false) or coalesce(incidents.incidents_count, 0) > 0) as is_failed_release,
    deployments.ref,
    deployments.commit_sha,
    deployments.user_id,
    deployments.created_at,
    deployments.finished_at,
    coalesce(changes.changes_count, 0) as changes_count,
    deployments.is_deleted,
    deployments.is_stand_in
from {{ ref('int_deployments') }} as deployments
left join changes
    on deployments.deployment_id = changes.deployment_id
left join incidents
    on deployments.deployment_id = incidents.deployment_id
left join followed
    on deployments.deployment_id = followed.deployment_id
