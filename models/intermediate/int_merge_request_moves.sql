{{ config(materialized='table') }}

-- depends_on: {{ ref('int_merge_request_inputs') }}
-- That one must be read first: a row that changes in between is then renewed by the next build instead of never.

-- Whose turn it is after each thing that was done: after something the author did (open, push, answer) the reviewers', after
-- something a reviewer did the author's. One row per move, from the opening to the end.
with moves as (
    select
        merge_request_id,
        created_at as moved_at,
        0 as note_id,
        'reviewers' as next_turn
    from {{ ref('stg_gitlab__merge_requests') }}
    union all
    select
        merge_request_id,
        created_at as moved_at,
        note_id,
        if(kind = 'unapproval', 'reviewers', 'author') as next_turn
    from {{ ref('int_review_events') }}
    union all
    select
        notes.merge_request_id,
        notes.created_at as moved_at,
        notes.note_id,
        'reviewers' as next_turn
    from {{ ref('int_note_kinds') }} as notes
    inner join {{ ref('stg_gitlab__merge_requests') }} as merge_requests
        on
            notes.merge_request_id = merge_requests.merge_request_id
            and notes.author_id = merge_requests.author_id
    -- The author's other system notes (labels, titles) hand over nothing.
    where notes.kind in ('comment', 'push')
)

select
    moves.merge_request_id,
    moves.note_id,
    moves.moved_at,
    moves.next_turn,
    lag(moves.next_turn) over (partition by moves.merge_request_id order by moves.moved_at, moves.note_id) as previous_turn
from moves
inner join {{ ref('stg_gitlab__merge_requests') }} as merge_requests
    on moves.merge_request_id = merge_requests.merge_request_id
-- After the end it is nobody's turn; imported comments can be older than their merge request.
where
    moves.moved_at >= merge_requests.created_at
    and moves.moved_at <= coalesce({{ ended_at('merge_requests') }}, moves.moved_at)
