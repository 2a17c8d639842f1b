{{ config(materialized='incremental', unique_key='merge_request_id') }}

-- A mart of the team's own, whose created_at moves, here by months in the second build: it must be merged by its key alone.
select merge_request_id, size, {{ 'timestamp_add(end_at, interval 2400 hour)' if is_incremental() else 'end_at' }} as created_at
from {{ ref('mergemind', 'dim_merge_requests') }}
