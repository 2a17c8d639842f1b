{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='pipeline_id',
        on_schema_change='append_new_columns',
        partition_by={'field': 'created_at', 'data_type': 'timestamp', 'granularity': 'month'},
        cluster_by=['pipeline_id'],
        meta={'merge_by_month': true}
    )
}}

-- Each row is compared with what it was built from, so there is no watermark that a late commit could slip under. What GitLab deletes,
-- by itself after a time or with a branch, has run all the same: it stays, marked.
with current_rows as (
    select
        pipeline_id,
        pipeline_iid,
        project_id,
        merge_request_id as mr_id,
        user_id,
        ref,
        sha,
        source,
        status,
        status in ('success', 'failed') as is_finished,
        status = 'failed' as is_failed,
        is_flaky,
        is_deleted,
        created_at,
        started_at,
        finished_at,
        duration_seconds / 60 as duration_min,
        queued_duration_seconds / 60 as queued_min,
        coverage_percent,
        synced_at,
        {{ rules_version('fct_pipelines') }} as rules_version
    from {{ ref('int_pipelines') }}
)

select current_rows.*
from current_rows
{% if is_incremental() and has_all_columns() %}
left join {{ this }} as built
    on current_rows.pipeline_id = built.pipeline_id
where
    built.pipeline_id is null
    or current_rows.synced_at != built.synced_at
    or coalesce(built.rules_version, '') != current_rows.rules_version
    -- The merge request can be written after its pipeline, and deleted; the same commit can pass later.
    or coalesce(current_rows.mr_id, -1) != coalesce(built.mr_id, -1)
    or current_rows.is_flaky != built.is_flaky
{% endif %}
