{{ config(tags=['nightly']) }}

-- The incremental table is what a full refresh would make. Computes everything again, so it runs locally by default
-- and elsewhere with --vars 'check_incremental: true'.
{{ config(enabled=var('check_incremental', target.name == 'local')) }}

{{ differences_from_full_refresh(ref('dim_merge_requests'), ref('int_merge_requests'), 'merge_request_id') }}
