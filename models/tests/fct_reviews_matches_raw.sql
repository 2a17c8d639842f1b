{{ config(tags=['nightly'], severity='error' if target.name == 'local' else 'warn') }}

-- As many comments by people other than the author, standing approvals and requests as the raw tables hold.
with merge_requests as (
    select id, coalesce(author_id, -1) as author_id
    from {{ source('gitlab', 'merge_requests') }}
    where not coalesce(_deleted, false)
),

things as (
    select 'comments' as thing, merge_request_id, author_id as user_id
    from {{ source('gitlab', 'mr_notes') }}
    where not coalesce(_deleted, false) and not coalesce(`system`, false) and author_id is not null
    union all
    select 'approvals' as thing, merge_request_id, user_id
    from {{ source('gitlab', 'mr_approvals') }}
    where not coalesce(_deleted, false)
    union all
    select 'requests' as thing, merge_request_id, user_id
    from {{ source('gitlab', 'mr_reviewers') }}
    where not coalesce(_deleted, false)
),

raw as (
    select
        countif(thing = 'comments') as comments,
        countif(thing = 'approvals') as approvals,
        countif(thing = 'requests') as requests
    from things
    inner join merge_requests on things.merge_request_id = merge_requests.id
    left join {{ source('gitlab', 'users') }} as users on things.user_id = users.id
    where things.user_id != merge_requests.author_id and coalesce(not ({{ is_bot('users.bot', 'users.username') }} or {{ is_ghost('users.username') }}), true)
),

mart as (
    select
        coalesce(sum(comments_count), 0) as comments, countif(is_approving) as approvals, countif(is_requested) as requests
    from {{ ref('fct_reviews') }}
)

select raw.*, mart.comments as mart_comments, mart.approvals as mart_approvals, mart.requests as mart_requests
from raw cross join mart
where raw.comments != mart.comments or raw.approvals != mart.approvals or raw.requests != mart.requests
