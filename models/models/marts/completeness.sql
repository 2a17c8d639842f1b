{{ config(materialized='table', enabled=var('has_ledger')) }}

-- What the connector's last comparison with GitLab found.
select
    project_id,
    stream,
    path as project_path,
    gitlab_count,
    live_count,
    deleted_count,
    gitlab_count - live_count as missing_count,
    equal as is_equal,
    since as is_equal_since,
    looked_at
from {{ source('gitlab', '_ledger') }}
where not _deleted
