{{ config(materialized='table', enabled='deployments' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) or var('merges_stand_in_for_deployments')) }}


-- The four keys by project and day; days on which nothing was released, opened or restored have no row.
with releases_raw as (
    select facts.project_id, {{ local_date('facts.finished_at') }} as day, facts.is_failed_release, facts.is_rollback
    from {{ ref('fct_deployments') }} as facts
    where facts.is_release and facts.finished_at is not null
),

releases as (
    select
        project_id,
        day,
        count(*) as releases_count,
        countif(is_rollback) as rollbacks_count,
        countif(is_failed_release) as failed_releases_count
    from releases_raw
    group by project_id, day
),

-- PERCENTILE_CONT is exact and the same everywhere, but only a window function: hence the two steps.
changes_spread as (
    select
        project_id,
        day,
        percentile_cont(if(is_counted, hours_from_first_commit_to_deployment, null), 0.5) over (partition by project_id, day) as median_hours_from_first_commit,
        percentile_cont(if(is_counted, hours_from_first_review_to_deployment, null), 0.5) over (partition by project_id, day) as median_hours_from_first_review,
        percentile_cont(if(is_counted, hours_from_merge_to_deployment, null), 0.5) over (partition by project_id, day) as median_hours_from_merge
    from (
    select facts.project_id, {{ local_date('facts.deployed_at') }} as day,
        {{ counts_in_medians('facts.is_author_bot') }} as is_counted,
        facts.hours_from_first_commit_to_deployment,
        facts.hours_from_first_review_to_deployment,
        facts.hours_from_merge_to_deployment
    from {{ ref('fct_changes') }} as facts
    where facts.deployed_at is not null
    )
),

changes as (
    select
        project_id,
        day,
        count(*) as changes_count,
        max(median_hours_from_first_commit) as median_hours_from_first_commit_to_deployment,
        max(median_hours_from_first_review) as median_hours_from_first_review_to_deployment,
        max(median_hours_from_merge) as median_hours_from_merge_to_deployment
    from changes_spread
    group by project_id, day
),

incidents as (
    select project_id, day, count(*) as incidents_count
    from (
    select facts.project_id, {{ local_date('facts.created_at') }} as day
    from {{ ref('fct_incidents') }} as facts
    where not facts.is_deleted
    )
    group by project_id, day
),

restored_spread as (
    select
        project_id,
        day,
        percentile_cont(hours_to_restore, 0.5) over (partition by project_id, day) as median_hours_to_restore
    from (
    select facts.project_id, {{ local_date('facts.restored_at') }} as day, facts.hours_to_restore
    from {{ ref('fct_incidents') }} as facts
    where not facts.is_deleted and facts.restored_at is not null
    )
),

restored as (
    select project_id, day, count(*) as restored_incidents_count, max(median_hours_to_restore) as median_hours_to_restore
    from restored_spread
    group by project_id, day
),

periods as (
    select project_id, day from releases
    union distinct
    select project_id, day from changes
    union distinct
    select project_id, day from incidents
    union distinct
    select project_id, day from restored
)

select
    periods.project_id,
    periods.day,
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
left join releases
    on releases.project_id = periods.project_id and releases.day = periods.day
left join changes
    on changes.project_id = periods.project_id and changes.day = periods.day
left join incidents
    on incidents.project_id = periods.project_id and incidents.day = periods.day
left join restored
    on restored.project_id = periods.project_id and restored.day = periods.day
