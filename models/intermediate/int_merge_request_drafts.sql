{{ config(materialized='table') }}

-- depends_on: {{ ref('int_merge_request_inputs') }}
-- That one must be read first: a row that changes in between is then renewed by the next build instead of never.

-- How long each merge request was a draft before it ended. One row per merge request that was ever marked as a draft or ready.
with toggles as (
    select
        notes.merge_request_id,
        notes.note_id,
        notes.created_at as toggled_at,
        -- `unmarked as a Work In Progress` and `marked as …` are GitLab's words before 2020.
        regexp_contains(notes.body, r'^marked .*\*\*(draft|Work In Progress)\*\*') as becomes_draft,
        merge_requests.created_at,
        {{ ended_at('merge_requests') }} as end_at
    from {{ ref('stg_gitlab__mr_notes') }} as notes
    inner join {{ ref('stg_gitlab__merge_requests') }} as merge_requests
        on notes.merge_request_id = merge_requests.merge_request_id
    where
        notes.is_system
        and regexp_contains(notes.body, r'^(un)?marked .*\*\*(draft|ready|Work In Progress)\*\*')
),

before_end as (
    select * from toggles
    where end_at is null or toggled_at <= end_at
),

stays as (
    select
        merge_request_id,
        becomes_draft as is_draft,
        toggled_at as stay_from,
        coalesce(lead(toggled_at) over (partition by merge_request_id order by toggled_at, note_id), end_at) as stay_to
    from before_end
    union all
    -- Before the first toggle it was what that one changed.
    select
        merge_request_id,
        not becomes_draft as is_draft,
        created_at as stay_from,
        toggled_at as stay_to
    from before_end
    qualify row_number() over (partition by merge_request_id order by toggled_at, note_id) = 1
)

select
    merge_request_id,
    -- A stay that has not ended is not counted yet.
    sum(if(is_draft and stay_to is not null, {{ hours_between('stay_from', 'stay_to') }}, 0)) as hours_in_draft
from stays
group by merge_request_id
