{{ config(severity='error' if target.name == 'local' else 'warn') }}

-- Row by row the same status and time, and no pipeline that GitLab no longer has.
select coalesce(raw.id, mart.pipeline_id) as pipeline_id, raw.status, mart.status as mart_status
from (select * from {{ source('gitlab', 'pipelines') }} where not coalesce(_deleted, false)) as raw
full outer join {{ ref('fct_pipelines') }} as mart on raw.id = mart.pipeline_id
where
    raw.id is null or mart.pipeline_id is null or raw.status != mart.status or raw._synced_at != mart.synced_at
    or raw.created_at != mart.created_at or mart.is_failed != (raw.status = 'failed')
