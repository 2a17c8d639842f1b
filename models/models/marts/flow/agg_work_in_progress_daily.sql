{{ config(materialized='table') }}


-- Merge requests open at the end of each day, by project. Those that were closed and reopened are not counted in between where
-- mr_state_events tells it.
with steps as (
    select merge_requests.project_id, {{ local_date('stays.valid_from') }} as day, 1 as step
    from {{ ref('int_merge_request_states') }} as stays
    inner join {{ ref('stg_gitlab__merge_requests') }} as merge_requests
        on stays.merge_request_id = merge_requests.merge_request_id
    where stays.state = 'opened'
    union all
    select merge_requests.project_id, {{ local_date('stays.valid_to') }} as day, -1 as step
    from {{ ref('int_merge_request_states') }} as stays
    inner join {{ ref('stg_gitlab__merge_requests') }} as merge_requests
        on stays.merge_request_id = merge_requests.merge_request_id
    where stays.state = 'opened' and stays.valid_to is not null
),

changes as (
    select project_id, day, sum(step) as change
    from steps
    group by project_id, day
),

begins as (
    select project_id, min(day) as first_day
    from changes
    group by project_id
)

select
    begins.project_id,
    days.date_day as day,
    sum(coalesce(changes.change, 0)) over (partition by begins.project_id order by days.date_day) as open_count
from begins
inner join {{ ref('dim_date') }} as days
    on days.date_day >= begins.first_day and days.date_day <= {{ local_date(now()) }}
left join changes
    on begins.project_id = changes.project_id and days.date_day = changes.day
