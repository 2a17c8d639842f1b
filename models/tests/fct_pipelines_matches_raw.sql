{{ config(tags=['nightly'], severity='error' if target.name == 'local' else 'warn') }}

-- Row by row the same status and time, with a mark where GitLab no longer has it.
select coalesce(raw.id, mart.pipeline_id) as pipeline_id, raw.status, mart.status as mart_status
from {{ source('gitlab', 'pipelines') }} as raw
full outer join {{ ref('fct_pipelines') }} as mart on raw.id = mart.pipeline_id
where
    raw.id is null or mart.pipeline_id is null or raw.status != mart.status or raw._synced_at != mart.synced_at
    or raw.created_at != mart.created_at or mart.is_failed != (raw.status = 'failed')
    or mart.is_deleted != coalesce(raw._deleted, false)
