{{ config(materialized='table') }}

-- How long a merge request waited on its author and on reviewers. One row per ended merge request; the two columns add up to
-- its cycle time. What is nobody's turn, while it is closed, is in neither.
with turns as (
    select
        moves.merge_request_id,
        moves.next_turn,
        moves.moved_at as turn_at,
        times.end_at,
        lead(moves.moved_at) over (
            partition by moves.merge_request_id order by moves.moved_at, moves.note_id
        ) as next_turn_at
    from {{ ref('int_merge_request_moves') }} as moves
    inner join {{ ref('int_merge_request_times') }} as times
        on moves.merge_request_id = times.merge_request_id
    where times.end_at is not null
)

select
    merge_request_id,
    sum(if(next_turn = 'author', {{ hours_between('turn_at', 'coalesce(next_turn_at, end_at)') }}, 0)) as hours_waiting_on_author,
    sum(if(next_turn = 'reviewers', {{ hours_between('turn_at', 'coalesce(next_turn_at, end_at)') }}, 0)) as hours_waiting_on_reviewers
from turns
group by merge_request_id
