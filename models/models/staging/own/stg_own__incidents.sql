{{ config(enabled=var('incident_table') != '') }}

select
    id as external_id,
    project_id,
    title,
    created_at,
    restored_at,
    deployment_id
from {{ source('own', 'incidents') }}
