{{ config(materialized='table') }}

-- depends_on: {{ ref('int_merge_request_inputs') }}
-- That one must be read first: a row that changes in between is then renewed by the next build instead of never.

-- What reviewers did: comments, approvals, withdrawn approvals and requests for changes, by people other than the author.
-- GitLab has no list of reviews. It writes a system note for each approval, in these words since 2018.
with acts as (
    select
        note_id,
        project_id,
        merge_request_id,
        author_id as reviewer_id,
        case
            when not is_system then 'comment'
            when starts_with(body, 'approved this merge request') then 'approval'
            when starts_with(body, 'unapproved this merge request') then 'unapproval'
            when starts_with(body, 'requested changes') then 'change_request'
        end as kind,
        created_at
    from {{ ref('stg_gitlab__mr_notes') }}
    union all
    -- A push can take back all approvals: then there is one note, of whoever pushed, that names whose they were (as they were called
    -- that day): `reset approvals from @a, @b, and @c by pushing to the branch`.
    select
        notes.note_id,
        notes.project_id,
        notes.merge_request_id,
        approvers.user_id as reviewer_id,
        'unapproval' as kind,
        notes.created_at
    from {{ ref('stg_gitlab__mr_notes') }} as notes
    cross join unnest(regexp_extract_all(notes.body, r'@([0-9A-Za-z_.-]+)')) as approver
    inner join {{ ref('stg_gitlab__users') }} as approvers
        on approver = approvers.username
    where notes.is_system and starts_with(notes.body, 'reset approvals from ')
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
        acts.created_at <= coalesce({{ ended_at('merge_requests') }}, acts.created_at) as is_before_end
    from acts
    inner join {{ ref('stg_gitlab__merge_requests') }} as merge_requests
        on acts.merge_request_id = merge_requests.merge_request_id
    left join {{ ref('stg_gitlab__users') }} as users
        on acts.reviewer_id = users.user_id
    where
        -- A deleted account may have been the author's or a bot's: it is not counted as a reviewer.
        acts.reviewer_id is not null
        and acts.reviewer_id != coalesce(merge_requests.author_id, -1)
        and not coalesce(users.is_bot, false)
)

select
    *,
    -- An approval counts if it was not taken back before the end; of several by one person, the last.
    kind = 'approval' and is_before_end and row_number() over (
        partition by merge_request_id, reviewer_id, is_before_end, kind in ('approval', 'unapproval')
        order by created_at desc, note_id desc
    ) = 1 as is_standing_approval
from events
where kind is not null
