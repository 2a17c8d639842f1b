{{ config(tags=['nightly'], severity='error' if target.name == 'local' else 'warn') }}

-- Each project's merged and unreviewed ones, reverts, and lines, as the raw tables hold them; the waits and the parts are tested with
-- cycle_time_view.
with reviewed as (
    select distinct notes.merge_request_id
    from {{ source('gitlab', 'mr_notes') }} as notes
    inner join {{ source('gitlab', 'merge_requests') }} as merge_requests on notes.merge_request_id = merge_requests.id
    left join {{ source('gitlab', 'users') }} as users on notes.author_id = users.id
    where
        not coalesce(notes._deleted, false) and coalesce(not ({{ is_bot('users.bot', 'users.username') }} or {{ is_ghost('users.username') }}), true)
        and notes.author_id != coalesce(merge_requests.author_id, -1)
        and (
            not coalesce(notes.`system`, false) or starts_with(notes.body, 'approved this') or starts_with(notes.body, 'requested changes')
        )
        and notes.created_at >= merge_requests.created_at
        and notes.created_at <= coalesce(merge_requests.merged_at, notes.created_at)
),

raw as (
    select
        merge_requests.project_id, countif(merge_requests.state = 'merged') as merged,
        countif(merge_requests.state = 'merged' and reviewed.merge_request_id is null) as unreviewed,
        countif(starts_with(merge_requests.title, 'Revert "')) as reverts,
        sum(coalesce(merge_requests.additions + merge_requests.deletions, 0)) as changed_lines
    from {{ source('gitlab', 'merge_requests') }} as merge_requests
    left join reviewed on merge_requests.id = reviewed.merge_request_id
    where not coalesce(merge_requests._deleted, false)
    group by merge_requests.project_id
),

mart as (
    select
        project_id, countif(is_merged) as merged, countif(is_merged_without_review) as unreviewed, countif(is_revert) as reverts,
        sum(coalesce(changed_lines_count, 0)) as changed_lines
    from {{ ref('fct_merge_requests') }}
    group by project_id
)

select
    raw.*, mart.merged as mart_merged, mart.unreviewed as mart_unreviewed, mart.reverts as mart_reverts,
    mart.changed_lines as mart_changed_lines
from raw
full outer join mart on raw.project_id = mart.project_id
where
    raw.project_id is null or mart.project_id is null or raw.merged != mart.merged or raw.unreviewed != mart.unreviewed
    or raw.reverts != mart.reverts or raw.changed_lines != mart.changed_lines
