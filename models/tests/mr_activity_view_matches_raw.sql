{{ config(tags=['nightly'], severity='error' if target.name == 'local' else 'warn') }}

-- Titles, states, drafts, lines, approvals and the newest pipeline row by row; comments of the last day in all.
with pipelines as (
    -- What GitLab deleted ran all the same.
    select id, project_id, merge_request_iid, ref, created_at, status
    from {{ source('gitlab', 'pipelines') }}
),

newest as (
    select project_id, merge_request_iid, max(id) as pipeline_id
    from pipelines
    where merge_request_iid is not null
    group by project_id, merge_request_iid
),

of_branches as (
    select raw.id, max(pipelines.id) as pipeline_id
    from {{ source('gitlab', 'merge_requests') }} as raw
    inner join {{ source('gitlab', 'projects') }} as projects on raw.source_project_id = projects.id
    inner join pipelines on raw.source_project_id = pipelines.project_id and raw.source_branch = pipelines.ref
    where
        pipelines.merge_request_iid is null and raw.source_branch != coalesce(projects.default_branch, '')
        and pipelines.created_at between raw.created_at
        and coalesce(case raw.state when 'merged' then raw.merged_at when 'closed' then raw.closed_at end, pipelines.created_at)
    group by raw.id
)

select raw.id, 'row differs' as problem
from {{ source('gitlab', 'merge_requests') }} as raw
left join newest on raw.project_id = newest.project_id and raw.iid = newest.merge_request_iid
left join pipelines as head on raw.head_pipeline_id = head.id
left join of_branches on raw.id = of_branches.id
left join pipelines as latest
    on greatest(coalesce(newest.pipeline_id, 0), coalesce(head.id, 0), coalesce(of_branches.pipeline_id, 0)) = latest.id
left join {{ ref('mr_activity_view') }} as mart on raw.id = mart.mr_id
where
    not coalesce(raw._deleted, false)
    and (
        mart.mr_id is null or mart.title != raw.title or mart.state != raw.state
        or mart.work_in_progress != coalesce(raw.draft, false) or mart.age_hours < 0
        or coalesce(mart.additions, -1) != coalesce(raw.additions, -1) or coalesce(mart.deletions, -1) != coalesce(raw.deletions, -1)
        or coalesce(mart.approvals_left, -1) != coalesce(raw.approvals_left, -1)
        or coalesce(mart.last_pipeline_status, '') != coalesce(latest.status, raw.last_pipeline_status, '')
    )
union all
select cast(null as int64) as id, 'more comments than raw has' as problem
from (select sum(notes_count_24h) as n from {{ ref('mr_activity_view') }}) as mart
cross join (
    -- A minute more than a day: the two clocks are not read at the same instant.
    select count(*) as n
    from {{ source('gitlab', 'mr_notes') }}
    where
        not coalesce(_deleted, false) and not coalesce(`system`, false)
        and created_at > timestamp_sub(current_timestamp(), interval 1441 minute)
) as raw
where mart.n > raw.n
