{{ config(materialized='table') }}

-- depends_on: {{ ref('int_merge_request_inputs') }}
-- That one must be read first: a row that changes in between is then renewed by the next build instead of never.

-- What reviewers did: comments, approvals, withdrawn approvals and requests for changes, by people other than the author.
with acts as (
    select note_id, project_id, merge_request_id, author_id as reviewer_id, kind, created_at
    from {{ ref('int_note_kinds') }}
    where kind in ('comment', 'approval', 'unapproval', 'change_request')
    union all
    -- A push can take back all approvals, a second request that of the person who is asked.
    select
        notes.note_id,
        notes.project_id,
        notes.merge_request_id,
        user_id as reviewer_id,
        'unapproval' as kind,
        notes.created_at
    from {{ ref('int_note_kinds') }} as notes
    cross join unnest(notes.named_user_ids) as user_id
    where notes.has_taken_back_approvals and notes.kind in ('approvals_reset', 'review_request')
),

events as (
    select
        acts.note_id,
        acts.project_id,
        acts.merge_request_id,
        merge_requests.author_id,
        acts.reviewer_id,
        acts.kind,
        acts.created_at,
        -- What is said after the end did not hold up, or speed up, the merge.
        acts.created_at <= coalesce({{ ended_at('merge_requests') }}, acts.created_at) as is_before_end,
        -- Imports leave notes that are older than their merge request. They count, but tell nothing of how long it took.
        acts.created_at >= merge_requests.created_at as is_after_opening
    from acts
    inner join {{ ref('stg_gitlab__merge_requests') }} as merge_requests
        on acts.merge_request_id = merge_requests.merge_request_id
    left join {{ ref('int_users') }} as users
        on acts.reviewer_id = users.user_id
    where
        -- A deleted account may have been the author's or a bot's: it is not counted as a reviewer, nor is the ghost.
        acts.reviewer_id is not null
        and acts.reviewer_id != coalesce(merge_requests.author_id, -1)
        and coalesce(users.is_person, true)
)

select
    note_id,
    project_id,
    merge_request_id,
    author_id,
    reviewer_id,
    kind,
    created_at,
    is_before_end,
    is_before_end and coalesce(is_after_opening, true) as is_in_time,
    -- An approval counts if it was not taken back before the end; of several by one person, the last.
    kind = 'approval' and is_before_end and row_number() over (
        partition by merge_request_id, reviewer_id, is_before_end, kind in ('approval', 'unapproval')
        order by created_at desc, note_id desc
    ) = 1 as is_standing_approval
from events
