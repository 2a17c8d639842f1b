{{ config(tags=['nightly'], severity='error' if target.name == 'local' else 'warn') }}

-- Same merge requests, states, lines and ends per project as in the raw table.
with raw as (
    select
        project_id, state, count(*) as n, sum(coalesce(additions, 0)) as lines,
        countif(state = 'merged' and merged_at is not null or state = 'closed' and closed_at is not null) as ended
    from {{ source('gitlab', 'merge_requests') }}
    where not coalesce(_deleted, false)
    group by project_id, state
),

mart as (
    select project_id, state, count(*) as n, sum(coalesce(additions, 0)) as lines, countif(end_at is not null) as ended
    from {{ ref('dim_merge_requests') }}
    group by project_id, state
)

select raw.*, mart.n as mart_n, mart.lines as mart_lines, mart.ended as mart_ended
from raw
full outer join mart on raw.project_id = mart.project_id and raw.state = mart.state
where coalesce(raw.n, -1) != coalesce(mart.n, -1) or raw.lines != mart.lines or raw.ended != mart.ended
