{{ config(enabled='mr_commits' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(','))) }}

-- When the first commit of each merge request was written. One row per merge request with commits.
select merge_request_id, min(authored_at) as first_commit_at
from {{ ref('stg_gitlab__mr_commits') }}
group by merge_request_id
