{{ config(enabled='mr_diff_files' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(','))) }}

-- How many of its files a merged merge request touches again: those that another one had brought into the same branch within rework_days
-- before. A file counts under the name that the merge request gives it. One row per merged merge request with files. Reads the raw table: of
-- a few merge requests it is asked for, any other one of the project can have been there before.
with touched as (
    select
        merge_requests.id as merge_request_id,
        merge_requests.merged_at,
        lag(merge_requests.merged_at) over (
            partition by merge_requests.project_id, merge_requests.target_branch, files.path
            order by merge_requests.merged_at, merge_requests.id
        ) as touched_before_at
    from {{ ref('stg_gitlab__mr_diff_files') }} as files
    inner join {{ source('gitlab', 'merge_requests') }} as merge_requests
        on files.merge_request_id = merge_requests.id
    where
        merge_requests.state = 'merged' and merge_requests.merged_at is not null and not coalesce(merge_requests._deleted, false)
        {{ of_live_projects('merge_requests.project_id') }}
)

select
    merge_request_id,
    countif(timestamp_diff(merged_at, touched_before_at, second) <= {{ var('rework_days') }} * 24 * 3600) as files_touched_again_count
from touched
group by merge_request_id
