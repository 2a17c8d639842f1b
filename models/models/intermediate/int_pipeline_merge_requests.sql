{{ config(materialized='table') }}

-- depends_on: {{ ref('int_merge_request_inputs') }}
-- That one must be read first: a row that changes in between is then renewed by the next build instead of never.

-- Which pipelines ran for which merge request: its head pipeline, those on its refs, and those of its branch between opening and end.
-- One row per pair. A default branch is nobody's own: what runs on it is not counted for those who merge it elsewhere.
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
union distinct
select merge_requests.merge_request_id, pipelines.pipeline_id
from {{ ref('stg_gitlab__merge_requests') }} as merge_requests
inner join {{ ref('stg_gitlab__pipelines') }} as pipelines
    on
        merge_requests.source_project_id = pipelines.project_id
        and merge_requests.source_branch = pipelines.ref
left join {{ ref('stg_gitlab__projects') }} as projects
    on merge_requests.source_project_id = projects.project_id
where
    pipelines.merge_request_iid is null
    and pipelines.created_at >= merge_requests.created_at
    and pipelines.created_at <= coalesce({{ ended_at('merge_requests') }}, pipelines.created_at)
    and merge_requests.source_branch != coalesce(projects.default_branch, '')
