-- The incremental table is what a full refresh would make. Computes everything again, so it runs locally by default
-- and elsewhere with --vars 'check_incremental: true'.
{{ config(enabled=var('check_incremental', target.name == 'local')) }}

with fresh as (
    select merge_request_id, to_json_string(fresh_row) as content
    from {{ ref('int_merge_requests') }} as fresh_row
),

built as (
    select merge_request_id, to_json_string(built_row) as content
    from {{ ref('dim_merge_requests') }} as built_row
)

select
    coalesce(fresh.merge_request_id, built.merge_request_id) as merge_request_id,
    fresh.content as expected,
    built.content as found
from fresh
full outer join built on fresh.merge_request_id = built.merge_request_id
where coalesce(fresh.content, '') != coalesce(built.content, '')
