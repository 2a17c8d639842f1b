{{ config(materialized='table') }}

-- depends_on: {{ ref('int_merge_request_inputs') }}
-- That one must be read first: a row that changes in between is then renewed by the next build instead of never.

-- Who is a person. Bots write, but do not review or wait; the ghost stands for all deleted accounts together, so it is nobody.
select
    user_id,
    username,
    state,
    {{ is_bot('is_bot', 'username') }} as is_bot,
    {{ is_ghost('username') }} as is_ghost,
    not ({{ is_bot('is_bot', 'username') }} or {{ is_ghost('username') }}) as is_person,
    coalesce(state = 'active', false) as is_active
from {{ ref('stg_gitlab__users') }}
