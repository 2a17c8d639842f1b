{{ config(materialized='incremental', unique_key='merge_request_id') }}

-- A mart of the team's own, whose created_at moves: it must be merged by its key alone.
select merge_request_id, size, end_at as created_at
from {{ ref('mergemind', 'dim_merge_requests') }}
