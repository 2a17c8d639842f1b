{{ config(materialized='table') }}

-- depends_on: {{ ref('int_merge_request_inputs') }}
-- That one must be read first: a row that changes in between is then renewed by the next build instead of never.

-- What reviewers did: comments, approvals, withdrawn approvals and requests for changes, by people other than the author.
-- GitLab has no list of reviews. It writes a system note for each approval, in these words since 2018.
with events as (
    select
        notes.note_id,
        notes.project_id,
        notes.merge_request_id,
        merge_requests.author_id,
        notes.author_id as reviewer_id,
        case
            when not notes.is_system then 'comment'
            when starts_with(notes.body, 'approved this merge request') then 'approval'
            when starts_with(notes.body, 'unapproved this merge request') then 'unapproval'
            when starts_with(notes.body, 'requested changes') then 'change_request'
        end as kind,
        notes.created_at,
        -- What is said after the end did not hold up, or speed up, the merge.
        notes.created_at <= coalesce({{ ended_at('merge_requests') }}, notes.created_at) as is_before_end
    from {{ ref('stg_gitlab__mr_notes') }} as notes
    inner join {{ ref('stg_gitlab__merge_requests') }} as merge_requests
        on notes.merge_request_id = merge_requests.merge_request_id
    left join {{ ref('stg_gitlab__users') }} as users
        on notes.author_id = users.user_id
    where
        -- A deleted account may have been the author's or a bot's: it is not counted as a reviewer.
        notes.author_id is not null
        and notes.author_id != coalesce(merge_requests.author_id, -1)
        and not coalesce(users.is_bot, false)
)

select
    *,
    -- An approval counts if its reviewer did not take it back before the end; of several by one person, the last.
    kind = 'approval' and is_before_end and row_number() over (
        partition by merge_request_id, reviewer_id, is_before_end, kind in ('approval', 'unapproval')
        order by created_at desc, note_id desc
    ) = 1 as is_standing_approval
from events
where kind is not null
