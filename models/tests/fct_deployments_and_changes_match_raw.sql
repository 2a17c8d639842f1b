{{ config(
    tags=['nightly'],
    severity='error' if target.name == 'local' else 'warn',
    enabled='deployments' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(','))
) }}

-- The listed merge requests add up: each is brought by one release, and by none that ended before it was merged. Deployments and incidents
-- are those of the raw tables, and days and weeks add up to them.
with problems as (
    select 'successful deployments' as problem, raw.n as expected, mart.n as found
    from (select count(*) as n from {{ source('gitlab', 'deployments') }} where status = 'success') as raw
    cross join (select countif(status = 'success') as n from {{ ref('fct_deployments') }}) as mart
    union all
    select 'changes of releases' as problem, listed.n as expected, counted.n as found
    from (select count(*) as n from {{ ref('fct_changes') }} where deployment_id is not null) as listed
    cross join (select coalesce(sum(changes_count), 0) as n from {{ ref('fct_deployments') }}) as counted
    union all
    select 'changes of days' as problem, listed.n as expected, counted.n as found
    from (select count(*) as n from {{ ref('fct_changes') }} where deployment_id is not null) as listed
    cross join (select coalesce(sum(changes_count), 0) as n from {{ ref('agg_dora_daily') }}) as counted
    union all
    select 'changes of weeks' as problem, listed.n as expected, counted.n as found
    from (select count(*) as n from {{ ref('fct_changes') }} where deployment_id is not null) as listed
    cross join (
        select coalesce(sum(changes_count), 0) as n from {{ ref('agg_dora_weekly') }} where scope_type = 'all'
    ) as counted
    union all
    select 'released before merged' as problem, 0 as expected, countif(deployed_at < merged_at) as found
    from {{ ref('fct_changes') }}
    union all
    select 'incidents' as problem, raw.n as expected, mart.n as found
    from (
        select count(*) as n
        from {{ source('gitlab', 'issues') }}
        where type in ('{{ var('incident_issue_types') | join("', '") }}')
    ) as raw
    cross join (
        select countif(issue_type in ('{{ var('incident_issue_types') | join("', '") }}')) as n from {{ ref('fct_incidents') }}
    ) as mart
)

select problem, expected, found
from problems
where expected != found
