{{ config(severity='error' if target.name == 'local' else 'warn') }}

-- Each merge request is opened in one week and merged in at most one; weeks begin on a Monday.
select raw.project_id, raw.opened, mart.opened as mart_opened
from (
    select project_id, count(*) as opened, countif(state = 'merged' and merged_at is not null) as merged
    from {{ source('gitlab', 'merge_requests') }}
    where not coalesce(_deleted, false)
    group by project_id
) as raw
left join (
    select
        project_id, sum(opened_count) as opened, sum(merged_count) as merged,
        countif(extract(dayofweek from week) != 2) as not_a_monday,
        count(*) - count(distinct week) as repeated_weeks
    from {{ ref('agg_project_weekly') }}
    group by project_id
) as mart on raw.project_id = mart.project_id
where mart.project_id is null or raw.opened != mart.opened or raw.merged != mart.merged or not_a_monday > 0 or repeated_weeks > 0
