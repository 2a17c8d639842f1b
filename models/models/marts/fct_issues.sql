{{ config(materialized='table') }}


-- Issues; those that GitLab deleted since, too.
select
    issue_id,
    project_id,
    issue_type,
    state,
    state = 'closed' as is_closed,
    author_id,
    labels,
    milestone_id,
    weight,
    created_at,
    updated_at,
    if(state = 'closed', closed_at, null) as closed_at,
    if(state = 'closed' and closed_at >= created_at, {{ hours_between('created_at', 'closed_at') }}, null) as lead_time_hours,
    is_deleted
from {{ ref('stg_gitlab__issues') }}
where not is_confidential
