-- Pipelines, those that GitLab deleted too: they ran. One row per pipeline.
with owners as (
    -- A branch can have two open merge requests, with other targets: the newest stands for both.
    select pipeline_id, max(merge_request_id) as merge_request_id
    from {{ ref('int_pipeline_merge_requests') }}
    group by pipeline_id
)

select
    pipelines.*,
    owners.merge_request_id,
    -- It failed, and the same commit passed later: not the change was broken.
    coalesce(
        pipelines.status = 'failed' and pipelines.sha is not null
        and max(if(pipelines.status = 'success', pipelines.pipeline_id, null))
            over (partition by pipelines.project_id, pipelines.sha) > pipelines.pipeline_id,
        false
    ) as is_flaky
from {{ ref('stg_gitlab__pipelines') }} as pipelines
left join owners
    on pipelines.pipeline_id = owners.pipeline_id
