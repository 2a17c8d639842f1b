{{ config(materialized='table') }}


-- What each project counts for: itself, every group above it, and the whole. One row per project and scope.
select project_id, 'project' as scope_type, project_id as scope_id, project_path as scope_path
from {{ ref('stg_gitlab__projects') }}
union all
select projects.project_id, 'group' as scope_type, parents.group_id as scope_id, parents.group_path as scope_path
from {{ ref('stg_gitlab__projects') }} as projects
inner join {{ ref('stg_gitlab__groups') }} as parents
    on starts_with(projects.project_path, concat(parents.group_path, '/'))
union all
select project_id, 'all' as scope_type, 0 as scope_id, 'all' as scope_path
from {{ ref('stg_gitlab__projects') }}
