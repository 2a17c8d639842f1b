{{ config(materialized='table', enabled='jobs' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')), partition_by={'field': 'created_at', 'data_type': 'timestamp', 'granularity': 'month'}) }}


-- Jobs of CI pipelines. One that failed is flaky if a job of that name passed later on the same commit.
select
    job_id,
    project_id,
    pipeline_id,
    name as job_name,
    stage,
    status,
    status = 'failed' as is_failed,
    coalesce(
        status = 'failed' and commit_sha is not null
        and max(if(status = 'success', job_id, null)) over (partition by project_id, commit_sha, name) > job_id,
        false
    ) as is_flaky,
    is_allowed_to_fail,
    failure_reason,
    created_at,
    started_at,
    finished_at,
    duration_seconds / 60 as duration_min,
    queued_duration_seconds / 60 as queued_min,
    is_deleted
from {{ ref('stg_gitlab__jobs') }}
