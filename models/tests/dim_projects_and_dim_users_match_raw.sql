{{ config(tags=['nightly'], severity='error' if target.name == 'local' else 'warn') }}

-- Every project and user that GitLab still has and no other, by the same name and with as many merge requests as the raw table holds.
with merge_requests as (
    select project_id, author_id, state
    from {{ source('gitlab', 'merge_requests') }}
    where not coalesce(_deleted, false)
),

of_projects as (
    select project_id, count(*) as n, countif(state = 'opened') as opened, countif(state = 'merged') as merged
    from merge_requests
    group by project_id
),

of_users as (
    select author_id, count(*) as n, countif(state = 'merged') as merged
    from merge_requests
    group by author_id
)

select coalesce(raw.id, mart.project_id) as id, 'project' as what
from (select * from {{ source('gitlab', 'projects') }} where not coalesce(_deleted, false)) as raw
full outer join {{ ref('dim_projects') }} as mart on raw.id = mart.project_id
left join of_projects as counted on raw.id = counted.project_id
where
    raw.id is null or mart.project_id is null or coalesce(raw.full_path, '') != coalesce(mart.project_path, '')
    or mart.merge_requests_count != coalesce(counted.n, 0) or mart.open_merge_requests_count != coalesce(counted.opened, 0)
    or mart.merged_merge_requests_count != coalesce(counted.merged, 0)
union all
select coalesce(raw.id, mart.user_id) as id, 'user' as what
from (select * from {{ source('gitlab', 'users') }} where not coalesce(_deleted, false)) as raw
full outer join {{ ref('dim_users') }} as mart on raw.id = mart.user_id
left join of_users as counted on raw.id = counted.author_id
where
    raw.id is null or mart.user_id is null or coalesce(raw.username, '') != coalesce(mart.username, '')
    or mart.merge_requests_count != coalesce(counted.n, 0) or mart.merged_merge_requests_count != coalesce(counted.merged, 0)
