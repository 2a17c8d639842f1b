{{ config(materialized='table') }}

-- Whose turn it was while a merge request was open: after something the author did (open, push, answer) the reviewers',
-- after something a reviewer did the author's. One row per ended merge request; the two columns add up to its cycle time.
with moves as (
    select
        merge_request_id,
        created_at,
        0 as note_id,
        'reviewers' as next_turn
    from {{ ref('stg_gitlab__merge_requests') }}
    union all
    select
        merge_request_id,
        created_at,
        note_id,
        if(kind = 'unapproval', 'reviewers', 'author') as next_turn
    from {{ ref('int_review_events') }}
    union all
    select
        notes.merge_request_id,
        notes.created_at,
        notes.note_id,
        'reviewers' as next_turn
    from {{ ref('stg_gitlab__mr_notes') }} as notes
    inner join {{ ref('stg_gitlab__merge_requests') }} as merge_requests
        on
            notes.merge_request_id = merge_requests.merge_request_id
            and notes.author_id = merge_requests.author_id
    -- `added 2 commits`: a push. The author's other system notes (labels, titles) hand over nothing.
    where not notes.is_system or regexp_contains(notes.body, r'^added \d+ (new )?commits?')
),

turns as (
    select
        moves.merge_request_id,
        moves.next_turn,
        moves.created_at as turn_at,
        times.end_at,
        lead(moves.created_at) over (
            partition by moves.merge_request_id order by moves.created_at, moves.note_id
        ) as next_turn_at
    from moves
    inner join {{ ref('int_merge_request_times') }} as times
        on moves.merge_request_id = times.merge_request_id
    -- Imported comments can be older than their merge request.
    where
        times.end_at >= times.created_at
        and moves.created_at between times.created_at and times.end_at
)

select
    merge_request_id,
    sum(if(next_turn = 'author', {{ hours_between('turn_at', 'coalesce(next_turn_at, end_at)') }}, 0)) as hours_waiting_on_author,
    sum(if(next_turn = 'reviewers', {{ hours_between('turn_at', 'coalesce(next_turn_at, end_at)') }}, 0)) as hours_waiting_on_reviewers
from turns
group by merge_request_id
