{{ config(materialized='table') }}

-- depends_on: {{ ref('int_merge_request_inputs') }}
-- That one must be read first: a row that changes in between is then renewed by the next build instead of never.

-- How long each merge request was a draft before it ended, without time in which it was closed, and when it was first ready. One row per
-- merge request.
with toggles as (
    select
        merge_request_id,
        note_id,
        created_at as toggled_at,
        kind = 'draft' as becomes_draft,
        row_number() over (partition by merge_request_id order by created_at, note_id) as toggle_number,
        lead(created_at) over (partition by merge_request_id order by created_at, note_id) as next_toggled_at
    from {{ ref('int_note_kinds') }}
    where kind in ('draft', 'ready')
),

stays as (
    select
        merge_request_id,
        becomes_draft as is_draft,
        false as is_first,
        toggled_at as stay_from,
        next_toggled_at as stay_to
    from toggles
    union all
    -- Before the first toggle it was what that one changed; one that was never toggled is what it was opened as.
    select
        merge_requests.merge_request_id,
        coalesce(not firsts.becomes_draft, merge_requests.is_draft) as is_draft,
        true as is_first,
        merge_requests.created_at as stay_from,
        firsts.toggled_at as stay_to
    from {{ ref('stg_gitlab__merge_requests') }} as merge_requests
    left join toggles as firsts
        on merge_requests.merge_request_id = firsts.merge_request_id and firsts.toggle_number = 1
),

-- A stay begins and ends with its merge request; one that has not ended is not counted yet.
within_life as (
    select
        stays.merge_request_id,
        stays.is_draft,
        stays.is_first,
        {{ ended_at('merge_requests') }} as end_at,
        greatest(stays.stay_from, merge_requests.created_at) as stay_from,
        least(
            coalesce(stays.stay_to, {{ ended_at('merge_requests') }}),
            coalesce({{ ended_at('merge_requests') }}, stays.stay_to)
        ) as stay_to
    from stays
    inner join {{ ref('stg_gitlab__merge_requests') }} as merge_requests
        on stays.merge_request_id = merge_requests.merge_request_id
),

closed as (
    select
        drafts.merge_request_id,
        sum({{ hours_in_common('drafts.stay_from', 'drafts.stay_to', 'states.valid_from', 'states.valid_to') }}) as hours
    from within_life as drafts
    inner join {{ ref('int_merge_request_states') }} as states
        on drafts.merge_request_id = states.merge_request_id
    where drafts.is_draft and states.state = 'closed'
    group by drafts.merge_request_id
)

select
    within_life.merge_request_id,
    sum(if(is_draft and stay_to > stay_from, {{ hours_between('stay_from', 'stay_to') }}, 0)) - coalesce(max(closed.hours), 0) as hours_in_draft,
    -- The first moment within its life at which it was no draft; NULL if there was none yet.
    min(if(not is_draft and (end_at is null or stay_from <= end_at), stay_from, null)) as ready_at,
    coalesce(max(if(is_first, is_draft, null)), false) as is_opened_as_draft
from within_life
left join closed
    on within_life.merge_request_id = closed.merge_request_id
group by within_life.merge_request_id
