{{ config(materialized='table') }}


-- The pipelines of each merge request in figures. One row per merge request that has any.
with ranked as (
    select
        pairs.merge_request_id,
        pipelines.status,
        pipelines.created_at,
        count(*) over (partition by pairs.merge_request_id) as pipelines_count,
        sum(if(pipelines.status = 'failed', 1, 0)) over (partition by pairs.merge_request_id) as failed_pipelines_count,
        sum(if(pipelines.is_flaky, 1, 0)) over (partition by pairs.merge_request_id) as flaky_pipelines_count,
        -- A new pipeline does not make GitLab touch the merge request, so head_pipeline_id may be behind. Ids only grow.
        row_number() over (partition by pairs.merge_request_id order by pipelines.pipeline_id desc) as newest_first
    from {{ ref('int_pipeline_merge_requests') }} as pairs
    inner join {{ ref('int_pipelines') }} as pipelines
        on pairs.pipeline_id = pipelines.pipeline_id
)

select
    merge_request_id,
    status as last_pipeline_status,
    created_at as last_pipeline_created_at,
    pipelines_count,
    failed_pipelines_count,
    flaky_pipelines_count
from ranked
where newest_first = 1
