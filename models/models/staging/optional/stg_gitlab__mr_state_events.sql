{% if 'mr_state_events' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) -%}
select
    id as state_event_id,
    merge_request_id,
    project_id,
    user_id,
    state,
    created_at,
    _synced_at as synced_at
from {{ source('gitlab', 'mr_state_events') }}
where not coalesce(_deleted, false) {{ of_live_merge_requests('merge_request_id') }}
{%- else -%}
-- Not synced: no rows, so that what reads it need not know.
select
    cast(null as int64) as state_event_id,
    cast(null as int64) as merge_request_id,
    cast(null as int64) as project_id,
    cast(null as int64) as user_id,
    cast(null as string) as state,
    cast(null as timestamp) as created_at,
    cast(null as timestamp) as synced_at
from (select 1 as one)
where one = 0
{%- endif %}
