{{ config(materialized='table') }}


-- Groups at all levels of the tree, with what is below them.
with projects as (
    select scope_id as group_id, count(*) as projects_count
    from {{ ref('int_project_scopes') }}
    where scope_type = 'group'
    group by group_id
),

merge_requests as (
    select
        scopes.scope_id as group_id,
        count(*) as merge_requests_count,
        countif(merge_requests.state = 'opened') as open_merge_requests_count
    from {{ ref('dim_merge_requests') }} as merge_requests
    inner join {{ ref('int_project_scopes') }} as scopes
        on merge_requests.project_id = scopes.project_id
    where scopes.scope_type = 'group'
    group by group_id
)

select
    parents.group_id,
    parents.group_path,
    parents.name,
    parents.parent_group_id,
    array_length(split(parents.group_path, '/')) as level,
    coalesce(projects.projects_count, 0) as projects_count,
    coalesce(merge_requests.merge_requests_count, 0) as merge_requests_count,
    coalesce(merge_requests.open_merge_requests_count, 0) as open_merge_requests_count,
    parents.web_url
from {{ ref('stg_gitlab__groups') }} as parents
left join projects
    on parents.group_id = projects.group_id
left join merge_requests
    on parents.group_id = merge_requests.group_id
