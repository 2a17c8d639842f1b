{{ config(materialized='table', cluster_by=['scope_type', 'scope_id']) }}


-- The same by project, group and the whole, at the end of each week; of this one, now. Medians are over the merge requests themselves.
with open_weeks as (
    select
        scopes.scope_type,
        scopes.scope_id,
        week,
        if(
            {{ counts_in_medians('stays.is_author_bot') }},
            stays.hours_open_before
            + {{ hours_between('stays.valid_from', 'least(' ~ end_of_day('date_add(week, interval 6 day)') ~ ', ' ~ now() ~ ')') }}, null
        ) as age_hours
    from {{ ref('int_merge_request_open_stays') }} as stays
    inner join {{ ref('int_project_scopes') }} as scopes
        on stays.project_id = scopes.project_id
    cross join unnest(generate_date_array(
        {{ week_start(local_date('stays.valid_from')) }}, {{ week_start(local_date(now())) }}, interval 7 day
    )) as week
    where
        stays.valid_to is null
        or {{ local_date('stays.valid_to') }} > least(date_add(week, interval 6 day), {{ local_date(now()) }})
),

spread as (
    select *, percentile_cont(age_hours, 0.5) over (partition by scope_type, scope_id, week) as median_age_hours
    from open_weeks
),

weekly as (
    select
        scope_type,
        scope_id,
        week,
        count(*) as open_count,
        max(median_age_hours) as median_age_hours,
        max(age_hours) as longest_age_hours
    from spread
    group by scope_type, scope_id, week
),

begins as (
    select scopes.scope_type, scopes.scope_id, scopes.scope_path, min({{ week_start(local_date('stays.valid_from')) }}) as first_week
    from {{ ref('int_merge_request_open_stays') }} as stays
    inner join {{ ref('int_project_scopes') }} as scopes
        on stays.project_id = scopes.project_id
    group by scopes.scope_type, scopes.scope_id, scopes.scope_path
)

select
    begins.scope_type,
    begins.scope_id,
    begins.scope_path,
    weeks.week,
    coalesce(weekly.open_count, 0) as open_count,
    weekly.median_age_hours,
    weekly.longest_age_hours
from begins
inner join (select distinct week from {{ ref('dim_date') }}) as weeks
    on weeks.week >= begins.first_week and weeks.week <= {{ local_date(now()) }}
left join weekly
    on begins.scope_type = weekly.scope_type and begins.scope_id = weekly.scope_id and weeks.week = weekly.week
