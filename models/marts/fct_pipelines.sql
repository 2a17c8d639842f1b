{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='pipeline_id',
        on_schema_change='append_new_columns',
        partition_by={'field': 'created_at', 'data_type': 'timestamp', 'granularity': 'month'},
        cluster_by=['project_id', 'pipeline_id'],
        post_hook="{{ delete_what_is_gone('pipeline_id', 'pipelines') }}"
    )
}}

-- Each row is compared with what it was built from, so there is no watermark that a late commit could slip under.
with current_rows as (
    select
        pipelines.pipeline_id,
        pipelines.pipeline_iid,
        pipelines.project_id,
        merge_requests.merge_request_id as mr_id,
        pipelines.user_id,
        pipelines.ref,
        pipelines.sha,
        pipelines.source,
        pipelines.status,
        pipelines.status in ('success', 'failed') as is_finished,
        pipelines.status = 'failed' as is_failed,
        pipelines.created_at,
        pipelines.started_at,
        pipelines.finished_at,
        pipelines.duration_seconds / 60 as duration_min,
        pipelines.queued_duration_seconds / 60 as queued_min,
        pipelines.coverage_percent,
        pipelines.synced_at,
        {{ rules_version('fct_pipelines') }} as rules_version
    from {{ ref('stg_gitlab__pipelines') }} as pipelines
    left join {{ ref('stg_gitlab__merge_requests') }} as merge_requests
        on
            pipelines.project_id = merge_requests.project_id
            and pipelines.merge_request_iid = merge_requests.merge_request_iid
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
    -- The merge request can be written after its pipeline, and deleted.
    or coalesce(current_rows.mr_id, -1) != coalesce(built.mr_id, -1)
{% endif %}
