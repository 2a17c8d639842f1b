{{ config(severity='error' if target.name == 'local' else 'warn') }}

-- As many comments between people as the raw tables hold.
select raw.n as expected, mart.n as found
from (
    select count(*) as n
    from {{ source('gitlab', 'mr_notes') }} as notes
    inner join {{ source('gitlab', 'merge_requests') }} as merge_requests on notes.merge_request_id = merge_requests.id
    left join {{ source('gitlab', 'users') }} as users on notes.author_id = users.id
    where
        not coalesce(notes._deleted, false) and not coalesce(merge_requests._deleted, false)
        and not coalesce(notes.`system`, false) and not coalesce(users.bot, false)
        and notes.author_id != merge_requests.author_id
) as raw
cross join (select coalesce(sum(comment_count), 0) as n from {{ ref('co_review_graph') }}) as mart
where raw.n != mart.n
