{{ config(materialized='table') }}

-- depends_on: {{ ref('int_merge_request_inputs') }}
-- That one must be read first: a row that changes in between is then renewed by the next build instead of never.

-- What state each merge request was in and when. One row per stay in a state.
-- GitLab keeps an event of each change; before version 13 it wrote a system note instead.
with told as (
    select
        merge_request_id,
        state_event_id as event_id,
        created_at as valid_from,
        if(state = 'reopened', 'opened', state) as state
    from {{ ref('stg_gitlab__mr_state_events') }}
    where state in ('closed', 'reopened', 'merged')
    union all
    select
        merge_request_id,
        note_id as event_id,
        created_at as valid_from,
        if(kind = 'reopened', 'opened', kind) as state
    from {{ ref('int_note_kinds') }}
    where kind in ('closed', 'reopened', 'merged')
),

-- Where events are not synced, and after imports, nothing tells of the end. Of reopenings nothing is left then: GitLab empties
-- closed_at.
untold as (
    select
        merge_requests.merge_request_id,
        merge_requests.state,
        {{ ended_at('merge_requests') }} as valid_from
    from {{ ref('stg_gitlab__merge_requests') }} as merge_requests
    left join (select distinct merge_request_id, state from told) as known
        on
            merge_requests.merge_request_id = known.merge_request_id
            and merge_requests.state = known.state
    where known.state is null
),

events as (
    select merge_request_id, 0 as event_id, created_at as valid_from, 'opened' as state
    from {{ ref('stg_gitlab__merge_requests') }}
    union all
    select told.merge_request_id, told.event_id, told.valid_from, told.state
    from told
    inner join {{ ref('stg_gitlab__merge_requests') }} as merge_requests
        on told.merge_request_id = merge_requests.merge_request_id
    -- What ended was not reopened after it: an event that says so is another clock's, or an import's.
    where told.state != 'opened' or told.valid_from <= coalesce({{ ended_at('merge_requests') }}, told.valid_from)
    union all
    select merge_request_id, 9223372036854775807 as event_id, valid_from, state from untold where valid_from is not null
),

-- GitLab can tell of the same change twice.
changes as (
    select
        *,
        lag(state) over (partition by merge_request_id order by valid_from, event_id) as previous_state
    from events
)

select
    changes.merge_request_id,
    changes.state,
    changes.previous_state is not null as has_state_before,
    changes.valid_from,
    lead(changes.valid_from) over (
        partition by changes.merge_request_id order by changes.valid_from, changes.event_id
    ) as valid_to
from changes
inner join {{ ref('stg_gitlab__merge_requests') }} as merge_requests
    on changes.merge_request_id = merge_requests.merge_request_id
where changes.previous_state is null or changes.previous_state != changes.state
