-- GitLab's own words of a revert: `Revert "…"`, and in the description the merge request that it takes back. One row per merge request
-- that was reverted. Reads the raw table: of a few merge requests it is asked for, any other one of the project can be the revert.
select
    project_id,
    safe_cast(regexp_extract(description, r'This reverts merge request !(\d+)') as int64) as reverted_iid,
    min(merged_at) as reverted_at
from {{ source('gitlab', 'merge_requests') }}
where state = 'merged' and starts_with(title, 'Revert "') and not coalesce(_deleted, false) {{ of_live_projects('project_id') }}
group by project_id, reverted_iid
