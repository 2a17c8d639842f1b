{{ config(materialized='table') }}

with authored as (
    select
        author_id as user_id,
        count(*) as merge_requests_count,
        countif(state = 'merged') as merged_merge_requests_count
    from {{ ref('dim_merge_requests') }}
    group by author_id
),

reviewed as (
    select
        reviewer_id as user_id,
        count(distinct merge_request_id) as reviewed_merge_requests_count,
        countif(kind = 'comment') as review_comments_count,
        countif(is_standing_approval) as approvals_count,
        max(created_at) as last_review_at
    from {{ ref('int_review_events') }}
    where kind != 'unapproval'
    group by reviewer_id
),

asked as (
    select
        reviewer_id as user_id,
        countif(is_awaited) as open_review_requests_count
    from {{ ref('fct_reviews') }}
    group by reviewer_id
)

select
    users.user_id,
    users.username,
    users.name,
    users.state,
    coalesce(people.is_bot, false) as is_bot,
    coalesce(people.is_ghost, false) as is_ghost,
    coalesce(authored.merge_requests_count, 0) as merge_requests_count,
    coalesce(authored.merged_merge_requests_count, 0) as merged_merge_requests_count,
    coalesce(reviewed.reviewed_merge_requests_count, 0) as reviewed_merge_requests_count,
    coalesce(reviewed.review_comments_count, 0) as review_comments_count,
    coalesce(reviewed.approvals_count, 0) as approvals_count,
    reviewed.last_review_at,
    coalesce(asked.open_review_requests_count, 0) as open_review_requests_count,
    users.created_at,
    users.last_activity_on,
    users.web_url
from {{ ref('stg_gitlab__users') }} as users
left join {{ ref('int_users') }} as people
    on users.user_id = people.user_id
left join authored
    on users.user_id = authored.user_id
left join reviewed
    on users.user_id = reviewed.user_id
left join asked
    on users.user_id = asked.user_id
