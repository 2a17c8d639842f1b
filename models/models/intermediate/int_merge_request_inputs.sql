{{ config(materialized='table') }}

-- When anything that a row of dim_merge_requests is made of last changed in the raw tables.
-- Reads the raw tables, not staging: what GitLab deleted changes its merge request, too. Only ids and times are scanned.
-- Names of people and projects are left to dim_merge_requests, which compares them; whether a user is a bot counts here. A user
-- who was one and is none any more is not noticed before something else changes: that is rare, and to compare every writer of a
-- comment would renew the rows of all whose last activity moved.
with changes as (
    select id as merge_request_id, _synced_at as changed_at
    from {{ source('gitlab', 'merge_requests') }}
    {{ of_live_merge_requests('id', 'where') }} {{ of_live_projects('project_id') }}
    union all
    select notes.merge_request_id, greatest(notes.synced_at, coalesce(bots._synced_at, notes.synced_at)) as changed_at
    from {{ ref('int_note_kinds') }} as notes
    left join {{ source('gitlab', 'users') }} as bots
        on notes.author_id = bots.id and {{ is_bot('bots.bot', 'bots.username') }}
    union all
    select merge_request_id, _synced_at as changed_at
    from {{ source('gitlab', 'mr_reviewers') }}
    {{ of_live_merge_requests('merge_request_id', 'where') }}
    union all
    select merge_requests.id as merge_request_id, pipelines._synced_at as changed_at
    from {{ source('gitlab', 'merge_requests') }} as merge_requests
    inner join {{ source('gitlab', 'pipelines') }} as pipelines
        on merge_requests.head_pipeline_id = pipelines.id
    {{ of_live_merge_requests('merge_requests.id', 'where') }}
    {{ of_live_projects('merge_requests.project_id') }} {{ of_live_projects('pipelines.project_id') }}
    union all
    select merge_requests.id as merge_request_id, pipelines._synced_at as changed_at
    from {{ source('gitlab', 'merge_requests') }} as merge_requests
    inner join {{ source('gitlab', 'pipelines') }} as pipelines
        on
            merge_requests.project_id = pipelines.project_id
            and merge_requests.iid = pipelines.merge_request_iid
    {{ of_live_merge_requests('merge_requests.id', 'where') }}
    {{ of_live_projects('merge_requests.project_id') }} {{ of_live_projects('pipelines.project_id') }}
    union all
    -- More than int_pipeline_merge_requests takes: this only says what to look at again.
    select merge_requests.id as merge_request_id, pipelines._synced_at as changed_at
    from {{ source('gitlab', 'merge_requests') }} as merge_requests
    inner join {{ source('gitlab', 'pipelines') }} as pipelines
        on
            merge_requests.source_project_id = pipelines.project_id
            and merge_requests.source_branch = pipelines.ref
            and merge_requests.created_at <= pipelines.created_at
    {{ of_live_merge_requests('merge_requests.id', 'where') }}
    {{ of_live_projects('merge_requests.project_id') }} {{ of_live_projects('pipelines.project_id') }}
    {%- if 'mr_state_events' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) %}
    union all
    select merge_request_id, _synced_at as changed_at
    from {{ source('gitlab', 'mr_state_events') }}
    {{ of_live_merge_requests('merge_request_id', 'where') }}
    {%- endif %}
)

select
    merge_request_id,
    max(changed_at) as inputs_synced_at
from changes
group by merge_request_id
