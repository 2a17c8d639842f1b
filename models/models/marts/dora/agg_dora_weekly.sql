{{ config(materialized='table', enabled='deployments' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) or var('merges_stand_in_for_deployments')) }}


-- The four keys by project, group and the whole, week by week, from the first release or incident on. Medians are over the changes
-- and incidents themselves, at every level.
with releases_raw as (
    select scopes.scope_type, scopes.scope_id, {{ week_start(local_date('facts.finished_at')) }} as week, facts.is_failed_release, facts.is_rollback
    from {{ ref('fct_deployments') }} as facts
    inner join {{ ref('int_project_scopes') }} as scopes
        on facts.project_id = scopes.project_id
    where facts.is_release and facts.finished_at is not null
),

releases as (
    select
        scope_type, scope_id,
        week,
        count(*) as releases_count,
        countif(is_rollback) as rollbacks_count,
        countif(is_failed_release) as failed_releases_count
    from releases_raw
    group by scope_type, scope_id, week
),

-- PERCENTILE_CONT is exact and the same everywhere, but only a window function: hence the two steps.
changes_spread as (
    select
        scope_type, scope_id,
        week,
        percentile_cont(if(is_counted, hours_from_first_commit_to_deployment, null), 0.5) over (partition by scope_type, scope_id, week) as median_hours_from_first_commit,
        percentile_cont(if(is_counted, hours_from_first_review_to_deployment, null), 0.5) over (partition by scope_type, scope_id, week) as median_hours_from_first_review,
        percentile_cont(if(is_counted, hours_from_merge_to_deployment, null), 0.5) over (partition by scope_type, scope_id, week) as median_hours_from_merge
    from (
    select scopes.scope_type, scopes.scope_id, {{ week_start(local_date('facts.deployed_at')) }} as week,
        {{ counts_in_medians('facts.is_author_bot') }} as is_counted,
        facts.hours_from_first_commit_to_deployment,
        facts.hours_from_first_review_to_deployment,
        facts.hours_from_merge_to_deployment
    from {{ ref('fct_changes') }} as facts
    inner join {{ ref('int_project_scopes') }} as scopes
        on facts.project_id = scopes.project_id
    where facts.deployed_at is not null
    )
),

changes as (
    select
        scope_type, scope_id,
        week,
        count(*) as changes_count,
        max(median_hours_from_first_commit) as median_hours_from_first_commit_to_deployment,
        max(median_hours_from_first_review) as median_hours_from_first_review_to_deployment,
        max(median_hours_from_merge) as median_hours_from_merge_to_deployment
    from changes_spread
    group by scope_type, scope_id, week
),

incidents as (
    select scope_type, scope_id, week, count(*) as incidents_count
    from (
    select scopes.scope_type, scopes.scope_id, {{ week_start(local_date('facts.created_at')) }} as week
    from {{ ref('fct_incidents') }} as facts
    inner join {{ ref('int_project_scopes') }} as scopes
        on facts.project_id = scopes.project_id
    where not facts.is_deleted
    )
    group by scope_type, scope_id, week
),

restored_spread as (
    select
        scope_type, scope_id,
        week,
        percentile_cont(hours_to_restore, 0.5) over (partition by scope_type, scope_id, week) as median_hours_to_restore
    from (
    select scopes.scope_type, scopes.scope_id, {{ week_start(local_date('facts.restored_at')) }} as week, facts.hours_to_restore
    from {{ ref('fct_incidents') }} as facts
    inner join {{ ref('int_project_scopes') }} as scopes
        on facts.project_id = scopes.project_id
    where not facts.is_deleted and facts.restored_at is not null
    )
),

restored as (
    select scope_type, scope_id, week, count(*) as restored_incidents_count, max(median_hours_to_restore) as median_hours_to_restore
    from restored_spread
    group by scope_type, scope_id, week
),

begins as (
    select scope_type, scope_id, min(week) as first_week
    from (
        select scope_type, scope_id, week from releases
        union distinct
        select scope_type, scope_id, week from incidents
    )
    group by scope_type, scope_id
),

-- Silent weeks are rows, too: a team that deploys twice a month has an average over all of them.
periods as (
    select begins.scope_type, begins.scope_id, weeks.week
    from begins
    inner join (select distinct week from {{ ref('dim_date') }}) as weeks
        on weeks.week >= begins.first_week and weeks.week <= {{ local_date(now()) }}
)

select
    periods.scope_type,
    periods.scope_id,
    names.scope_path,
    periods.week,
    coalesce(releases.releases_count, 0) as releases_count,
    coalesce(releases.rollbacks_count, 0) as rollbacks_count,
    coalesce(changes.changes_count, 0) as changes_count,
    changes.median_hours_from_first_commit_to_deployment,
    changes.median_hours_from_first_review_to_deployment,
    changes.median_hours_from_merge_to_deployment,
    coalesce(releases.failed_releases_count, 0) as failed_releases_count,
    safe_divide(releases.failed_releases_count, releases.releases_count) as change_failure_rate,
    coalesce(incidents.incidents_count, 0) as incidents_count,
    coalesce(restored.restored_incidents_count, 0) as restored_incidents_count,
    restored.median_hours_to_restore
from periods
left join (select distinct scope_type, scope_id, scope_path from {{ ref('int_project_scopes') }}) as names
    on periods.scope_type = names.scope_type and periods.scope_id = names.scope_id
left join releases
    on releases.scope_type = periods.scope_type and releases.scope_id = periods.scope_id and releases.week = periods.week
left join changes
    on changes.scope_type = periods.scope_type and changes.scope_id = periods.scope_id and changes.week = periods.week
left join incidents
    on incidents.scope_type = periods.scope_type and incidents.scope_id = periods.scope_id and incidents.week = periods.week
left join restored
    on restored.scope_type = periods.scope_type and restored.scope_id = periods.scope_id and restored.week = periods.week
