{{ config(severity='error' if target.name == 'local' else 'warn') }}

-- Titles, states and drafts row by row; comments of the last day in all.
select raw.id, 'row differs' as problem
from {{ source('gitlab', 'merge_requests') }} as raw
left join {{ ref('mr_activity_view') }} as mart on raw.id = mart.mr_id
where
    not coalesce(raw._deleted, false)
    and (
        mart.mr_id is null or mart.title != raw.title or mart.state != raw.state
        or mart.work_in_progress != coalesce(raw.draft, false) or mart.age_hours < 0
    )
union all
select cast(null as int64) as id, 'more comments than raw has' as problem
from (select sum(notes_count_24h) as n from {{ ref('mr_activity_view') }}) as mart
cross join (
    -- A minute more than a day: the two clocks are not read at the same instant.
    select count(*) as n
    from {{ source('gitlab', 'mr_notes') }}
    where
        not coalesce(_deleted, false) and not coalesce(`system`, false)
        and created_at > timestamp_sub(current_timestamp(), interval 1441 minute)
) as raw
where mart.n > raw.n
