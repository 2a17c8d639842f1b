{{ config(materialized='table') }}

-- depends_on: {{ ref('int_merge_request_inputs') }}
-- That one must be read first: a row that changes in between is then renewed by the next build instead of never.

-- The pipelines of each merge request: its head pipeline, and those that ran on its refs. One row per merge request that has any.
with pairs as (
    select merge_requests.merge_request_id, pipelines.pipeline_id
    from {{ ref('stg_gitlab__merge_requests') }} as merge_requests
    inner join {{ ref('stg_gitlab__pipelines') }} as pipelines
        on merge_requests.head_pipeline_id = pipelines.pipeline_id
    union distinct
    select merge_requests.merge_request_id, pipelines.pipeline_id
    from {{ ref('stg_gitlab__merge_requests') }} as merge_requests
    inner join {{ ref('stg_gitlab__pipelines') }} as pipelines
        on
            merge_requests.project_id = pipelines.project_id
            and merge_requests.merge_request_iid = pipelines.merge_request_iid
),

ranked as (
    select
        pairs.merge_request_id,
        pipelines.status,
        pipelines.created_at,
        count(*) over (partition by pairs.merge_request_id) as pipelines_count,
        sum(if(pipelines.status = 'failed', 1, 0)) over (partition by pairs.merge_request_id) as failed_pipelines_count,
        -- A new pipeline does not make GitLab touch the merge request, so head_pipeline_id may be behind. Ids only grow.
        row_number() over (partition by pairs.merge_request_id order by pipelines.pipeline_id desc) as newest_first
    from pairs
    inner join {{ ref('stg_gitlab__pipelines') }} as pipelines
        on pairs.pipeline_id = pipelines.pipeline_id
)

select
    merge_request_id,
    status as last_pipeline_status,
    created_at as last_pipeline_created_at,
    pipelines_count,
    failed_pipelines_count
from ranked
where newest_first = 1
