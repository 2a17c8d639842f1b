{{ config(tags=['nightly'], severity='error' if target.name == 'local' else 'warn') }}

-- As many comments, approvals and requests for changes between people as the raw tables hold.
with acts as (
    select
        merge_request_id,
        author_id as user_id,
        case
            when not coalesce(`system`, false) then 'comment'
            when starts_with(body, 'approved this merge request') then 'approval'
            when starts_with(body, 'requested changes') then 'change_request'
        end as kind
    from {{ source('gitlab', 'mr_notes') }}
    where not coalesce(_deleted, false)
),

given as (
    select * from acts
    union all
    -- Approvals that no note tells of.
    select approvals.merge_request_id, approvals.user_id, 'approval' as kind
    from {{ source('gitlab', 'mr_approvals') }} as approvals
    left join (select distinct merge_request_id, user_id from acts where kind = 'approval') as told
        on approvals.merge_request_id = told.merge_request_id and approvals.user_id = told.user_id
    where not coalesce(approvals._deleted, false) and told.user_id is null
),

raw as (
    select
        countif(kind = 'comment') as comments, countif(kind = 'approval') as approvals, count(kind) as interactions,
        count(distinct if(kind is null, null, format('%d %d', given.merge_request_id, given.user_id))) as reviews
    from given
    inner join {{ source('gitlab', 'merge_requests') }} as merge_requests on given.merge_request_id = merge_requests.id
    left join {{ source('gitlab', 'users') }} as users on given.user_id = users.id
    where
        not coalesce(merge_requests._deleted, false) and coalesce(not ({{ is_bot('users.bot', 'users.username') }} or {{ is_ghost('users.username') }}), true)
        and given.user_id != merge_requests.author_id
        and merge_requests.author_id not in (select id from {{ source('gitlab', 'users') }} where {{ is_ghost('username') }})
),

mart as (
    select
        coalesce(sum(comment_count), 0) as comments, coalesce(sum(approval_count), 0) as approvals,
        coalesce(sum(interaction_count), 0) as interactions, coalesce(sum(review_count), 0) as reviews
    from {{ ref('co_review_graph') }}
)

select
    raw.*, mart.comments as mart_comments, mart.approvals as mart_approvals, mart.interactions as mart_interactions,
    mart.reviews as mart_reviews
from raw cross join mart
where
    raw.comments != mart.comments or raw.approvals != mart.approvals or raw.interactions != mart.interactions
    or raw.reviews != mart.reviews
