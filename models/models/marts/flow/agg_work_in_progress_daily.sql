{{ config(materialized='table', cluster_by=['project_id']) }}


-- Merge requests open at the end of each day, and how long they had been open by then, by project. Those that were closed and reopened
-- are not counted in between, nor is that time, where mr_state_events tells it.
with open_days as (
    select
        stays.project_id,
        day,
        if(
            {{ counts_in_medians('stays.is_author_bot') }},
            stays.hours_open_before + {{ hours_between('stays.valid_from', 'least(' ~ end_of_day('day') ~ ', ' ~ now() ~ ')') }}, null
        ) as age_hours
    from {{ ref('int_merge_request_open_stays') }} as stays
    cross join unnest(generate_date_array(
        {{ local_date('stays.valid_from') }},
        least(coalesce(date_sub({{ local_date('stays.valid_to') }}, interval 1 day), {{ local_date(now()) }}), {{ local_date(now()) }})
    )) as day
),

-- PERCENTILE_CONT is exact and the same everywhere, but only a window function: hence the two steps.
spread as (
    select *, percentile_cont(age_hours, 0.5) over (partition by project_id, day) as median_age_hours
    from open_days
),

daily as (
    select project_id, day, count(*) as open_count, max(median_age_hours) as median_age_hours, max(age_hours) as longest_age_hours
    from spread
    group by project_id, day
),

begins as (
    select project_id, min({{ local_date('valid_from') }}) as first_day
    from {{ ref('int_merge_request_open_stays') }}
    group by project_id
)

select
    begins.project_id,
    days.date_day as day,
    coalesce(daily.open_count, 0) as open_count,
    daily.median_age_hours,
    daily.longest_age_hours
from begins
inner join {{ ref('dim_date') }} as days
    on days.date_day >= begins.first_day and days.date_day <= {{ local_date(now()) }}
left join daily
    on begins.project_id = daily.project_id and days.date_day = daily.day
