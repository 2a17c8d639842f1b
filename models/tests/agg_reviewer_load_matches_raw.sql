{{ config(tags=['nightly'], severity='error' if target.name == 'local' else 'warn') }}

-- Each person's comments on other people's merge requests, all weeks together; weeks begin on one and the same day.
select raw.author_id, raw.n, mart.n as mart_n
from (
    select notes.author_id, count(*) as n
    from {{ source('gitlab', 'mr_notes') }} as notes
    inner join {{ source('gitlab', 'merge_requests') }} as merge_requests on notes.merge_request_id = merge_requests.id
    left join {{ source('gitlab', 'users') }} as users on notes.author_id = users.id
    where
        not coalesce(notes._deleted, false) and not coalesce(merge_requests._deleted, false)
        and not coalesce(notes.`system`, false) and coalesce(not ({{ is_bot('users.bot', 'users.username') }} or {{ is_ghost('users.username') }}), true)
        and notes.author_id != coalesce(merge_requests.author_id, -1)
    group by notes.author_id
) as raw
full outer join (
    select
        reviewer_id, sum(comments_count) as n, count(distinct extract(dayofweek from week)) - 1 as other_days
    from {{ ref('agg_reviewer_load') }}
    group by reviewer_id
) as mart on raw.author_id = mart.reviewer_id
where coalesce(raw.n, 0) != coalesce(mart.n, 0) or mart.other_days > 0
