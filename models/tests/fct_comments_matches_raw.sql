{{ config(tags=['nightly'], severity='error' if target.name == 'local' else 'warn') }}

-- As many comments per project as the raw tables hold.
select raw.project_id, raw.n, mart.n as mart_n
from (
    select notes.project_id, count(*) as n
    from {{ source('gitlab', 'mr_notes') }} as notes
    inner join {{ source('gitlab', 'merge_requests') }} as merge_requests on notes.merge_request_id = merge_requests.id
    where
        not coalesce(notes._deleted, false) and not coalesce(merge_requests._deleted, false) and not coalesce(notes.`system`, false)
    group by notes.project_id
) as raw
full outer join (
    select project_id, count(*) as n
    from {{ ref('fct_comments') }}
    group by project_id
) as mart on raw.project_id = mart.project_id
where coalesce(raw.n, 0) != coalesce(mart.n, 0)
