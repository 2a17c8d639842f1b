{{ config(materialized='table') }}

-- depends_on: {{ ref('int_merge_request_inputs') }}
-- That one must be read first: a row that changes in between is then renewed by the next build instead of never.

-- Whose turn it is after each thing that was done, from the opening to the end. One row per move.
--   The reviewers': when it is ready, or, if nobody was asked by then and somebody was before the first review, when somebody is asked;
--   after a push or an answer by the author, an approval that was taken back, and whenever somebody is asked, also once more.
--   The author's: while it is a draft; after a comment, a request for changes, or the last approval that the rules ask for.
--   Nobody's: while it is closed.
with asked as (
    select merge_request_id, min(requested_at) as requested_at
    from {{ ref('int_review_requests') }}
    where is_in_time
    group by merge_request_id
),

merge_requests as (
    select
        merge_requests.merge_request_id,
        merge_requests.author_id,
        merge_requests.created_at,
        {{ ended_at('merge_requests') }} as end_at,
        greatest(coalesce(merge_requests.approvals_required, 1), 1) as approvals_required,
        coalesce(drafts.is_opened_as_draft, false) as is_opened_as_draft,
        if(
            asked.requested_at <= coalesce(reviews.first_review_at, asked.requested_at), asked.requested_at, merge_requests.created_at
        ) as reviewers_from
    from {{ ref('stg_gitlab__merge_requests') }} as merge_requests
    left join {{ ref('int_merge_request_drafts') }} as drafts
        on merge_requests.merge_request_id = drafts.merge_request_id
    left join {{ ref('int_merge_request_reviews') }} as reviews
        on merge_requests.merge_request_id = reviews.merge_request_id
    left join asked
        on merge_requests.merge_request_id = asked.merge_request_id
),

-- Of several approvals by one person only the first adds one, until it is taken back.
approval_changes as (
    select
        merge_request_id,
        note_id,
        reviewer_id,
        created_at,
        kind,
        lag(kind) over (partition by merge_request_id, reviewer_id order by created_at, note_id) as kind_before
    from {{ ref('int_review_events') }}
    where kind in ('approval', 'unapproval')
),

approvals as (
    select
        merge_request_id,
        note_id,
        reviewer_id,
        sum(case
            when kind = 'approval' and coalesce(kind_before, '') != 'approval' then 1
            when kind = 'unapproval' and kind_before = 'approval' then -1
            else 0
        end) over (partition by merge_request_id order by created_at, note_id, reviewer_id) as approvals_count
    from approval_changes
),

moves as (
    select
        merge_request_id,
        created_at as moved_at,
        0 as note_id,
        'opening' as move,
        if(reviewers_from <= created_at, 'reviewers', 'author') as turn,
        is_opened_as_draft as is_draft,
        false as is_closed
    from merge_requests
    union all
    select
        events.merge_request_id,
        events.created_at as moved_at,
        events.note_id,
        if(events.kind = 'unapproval', 'unapproval', 'review') as move,
        case
            when events.kind = 'unapproval' then 'reviewers'
            when events.kind = 'approval' and approvals.approvals_count < merge_requests.approvals_required then cast(null as string)
            else 'author'
        end as turn,
        cast(null as bool) as is_draft,
        cast(null as bool) as is_closed
    from {{ ref('int_review_events') }} as events
    inner join merge_requests
        on events.merge_request_id = merge_requests.merge_request_id
    left join approvals
        on
            events.merge_request_id = approvals.merge_request_id
            and events.note_id = approvals.note_id
            and events.reviewer_id = approvals.reviewer_id
    union all
    select
        notes.merge_request_id,
        notes.created_at as moved_at,
        notes.note_id,
        'answer' as move,
        if(notes.created_at >= merge_requests.reviewers_from, 'reviewers', cast(null as string)) as turn,
        cast(null as bool) as is_draft,
        cast(null as bool) as is_closed
    from {{ ref('int_note_kinds') }} as notes
    inner join merge_requests
        on
            notes.merge_request_id = merge_requests.merge_request_id
            and notes.author_id = merge_requests.author_id
    -- The author's other system notes (labels, titles) hand over nothing.
    where notes.kind in ('comment', 'push')
    union all
    select distinct
        merge_request_id,
        requested_at as moved_at,
        note_id,
        'request' as move,
        'reviewers' as turn,
        cast(null as bool) as is_draft,
        cast(null as bool) as is_closed
    from {{ ref('int_review_requests') }}
    union all
    select
        merge_request_id,
        created_at as moved_at,
        note_id,
        kind as move,
        cast(null as string) as turn,
        kind = 'draft' as is_draft,
        cast(null as bool) as is_closed
    from {{ ref('int_note_kinds') }}
    where kind in ('draft', 'ready')
    union all
    select
        merge_request_id,
        valid_from as moved_at,
        1 as note_id,
        if(state = 'closed', 'closing', 'reopening') as move,
        cast(null as string) as turn,
        cast(null as bool) as is_draft,
        state = 'closed' as is_closed
    from {{ ref('int_merge_request_states') }}
    where state in ('opened', 'closed') and has_state_before
),

-- After the end it is nobody's turn; imported comments can be older than their merge request.
within_life as (
    select moves.*
    from moves
    inner join merge_requests
        on moves.merge_request_id = merge_requests.merge_request_id
    where
        moves.moved_at >= merge_requests.created_at
        and moves.moved_at <= coalesce(merge_requests.end_at, moves.moved_at)
),

carried as (
    select
        merge_request_id,
        note_id,
        moved_at,
        move,
        last_value(turn ignore nulls) over (
            partition by merge_request_id order by moved_at, note_id rows between unbounded preceding and current row
        ) as turn,
        last_value(is_draft ignore nulls) over (
            partition by merge_request_id order by moved_at, note_id rows between unbounded preceding and current row
        ) as is_draft,
        last_value(is_closed ignore nulls) over (
            partition by merge_request_id order by moved_at, note_id rows between unbounded preceding and current row
        ) as is_closed
    from within_life
),

turns as (
    select
        *,
        case when is_closed then 'nobody' when is_draft then 'author' else turn end as next_turn,
        lag(turn) over (partition by merge_request_id order by moved_at, note_id) as turn_before
    from carried
)

select
    merge_request_id,
    note_id,
    moved_at,
    move,
    next_turn,
    lag(next_turn) over (partition by merge_request_id order by moved_at, note_id) as previous_turn,
    -- One or more reviews in a row give the merge request back to its author once.
    coalesce(move = 'review' and turn = 'author' and turn_before = 'reviewers', false) as is_end_of_round
from turns
