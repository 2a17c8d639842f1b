{{
    config(
        materialized='table',
        partition_by={'field': 'mr_created_at', 'data_type': 'timestamp', 'granularity': 'month'},
        cluster_by=['mr_id']
    )
}}

-- GitLab has no reviews, so one is everything that a person did or was asked to do on another's merge request.
with done as (
    select
        merge_request_id,
        reviewer_id,
        min(if(kind != 'unapproval', created_at, null)) as first_activity_at,
        max(if(kind != 'unapproval', created_at, null)) as last_review_at,
        min(if(kind != 'unapproval' and is_in_time, created_at, null)) as first_review_at,
        countif(kind = 'comment') as comments_count,
        countif(is_standing_approval) as approvals_count,
        countif(kind = 'approval') as approvals_given_count,
        countif(kind = 'change_request') as change_requests_count
    from {{ ref('int_review_events') }}
    group by merge_request_id, reviewer_id
),

asked as (
    select
        merge_request_id,
        reviewer_id,
        count(*) as requests_count,
        min(requested_at) as requested_at,
        max(requested_at) as last_requested_at
    from {{ ref('int_review_requests') }}
    where reviewer_id is not null
    group by merge_request_id, reviewer_id
),

pairs as (
    select merge_request_id, reviewer_id from done
    union distinct
    select merge_request_id, user_id as reviewer_id from {{ ref('stg_gitlab__mr_reviewers') }}
    union distinct
    select merge_request_id, user_id as reviewer_id from {{ ref('stg_gitlab__mr_approvals') }}
)

select
    pairs.merge_request_id as mr_id,
    pairs.reviewer_id,
    merge_requests.project_id,
    merge_requests.author_id,
    merge_requests.is_author_bot,
    merge_requests.created_at as mr_created_at,
    merge_requests.state as mr_state,
    requests.user_id is not null as is_requested,
    coalesce(asked.requests_count, 0) as requests_count,
    asked.requested_at,
    asked.last_requested_at,
    requests.review_state,
    -- A second request makes it the reviewer's turn again; a draft waits for its author.
    merge_requests.state = 'opened' and not merge_requests.is_draft and requests.user_id is not null
    and (done.last_review_at is null or coalesce(asked.last_requested_at > done.last_review_at, false)) as is_awaited,
    approvals.user_id is not null as is_approving,
    done.first_activity_at,
    done.first_review_at,
    done.last_review_at,
    {{ hours_between("merge_requests.ready_at", "greatest(done.first_review_at, merge_requests.ready_at)") }} as hours_to_first_review,
    if(
        asked.requested_at <= done.first_review_at, {{ hours_between('asked.requested_at', 'done.first_review_at') }}, null
    ) as hours_from_request_to_first_review,
    coalesce(done.comments_count, 0) as comments_count,
    coalesce(done.approvals_count, 0) as approvals_count,
    coalesce(done.approvals_given_count, 0) as approvals_given_count,
    coalesce(done.change_requests_count, 0) as change_requests_count
from pairs
inner join {{ ref('dim_merge_requests') }} as merge_requests
    on pairs.merge_request_id = merge_requests.merge_request_id
left join done
    on pairs.merge_request_id = done.merge_request_id and pairs.reviewer_id = done.reviewer_id
left join asked
    on pairs.merge_request_id = asked.merge_request_id and pairs.reviewer_id = asked.reviewer_id
left join {{ ref('stg_gitlab__mr_reviewers') }} as requests
    on pairs.merge_request_id = requests.merge_request_id and pairs.reviewer_id = requests.user_id
left join {{ ref('stg_gitlab__mr_approvals') }} as approvals
    on pairs.merge_request_id = approvals.merge_request_id and pairs.reviewer_id = approvals.user_id
left join {{ ref('int_users') }} as users
    on pairs.reviewer_id = users.user_id
where
    -- An author can be asked by mistake, and may approve where the project allows it: neither is a review by another person.
    pairs.reviewer_id != coalesce(merge_requests.author_id, -1)
    and coalesce(users.is_person, true)
