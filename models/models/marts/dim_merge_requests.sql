{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='merge_request_id',
        on_schema_change='append_new_columns',
        partition_by={'field': 'created_at', 'data_type': 'timestamp', 'granularity': 'month'},
        cluster_by=['merge_request_id'],
        meta={'merge_by_month': true, 'live_rows': 'merge_request_id'},
        post_hook="{{ delete_what_is_gone('merge_request_id', 'merge_requests') }}"
    )
}}

-- depends_on: {{ ref('stg_gitlab__merge_requests') }}, {{ ref('int_merge_request_inputs') }}
-- depends_on: {{ ref('stg_gitlab__projects') }}, {{ ref('int_users') }}

-- Each row is compared with what it was built from, so there is no watermark that a late commit could slip under. The columns that tell
-- are asked first for the months of what changed: of the others, and of the texts, only these months are read.
{% if is_incremental() and has_all_columns() -%}
{%- set differs -%}
built.merge_request_id is null
or current_rows.inputs_synced_at != built.inputs_synced_at
or coalesce(built.rules_version, '') != current_rows.rules_version
or coalesce(current_rows.project_path, '') != coalesce(built.project_path, '')
or coalesce(current_rows.author_username, '') != coalesce(built.author_username, '')
or coalesce(current_rows.merge_user_username, '') != coalesce(built.merge_user_username, '')
{%- endset -%}
{%- set changed -%}
select current_rows.created_at
from (
    select
        merge_requests.merge_request_id,
        merge_requests.created_at,
        projects.project_path,
        authors.username as author_username,
        merge_users.username as merge_user_username,
        inputs.inputs_synced_at,
        {{ rules_version('dim_merge_requests') }} as rules_version
    from {{ ref('stg_gitlab__merge_requests') }} as merge_requests
    inner join {{ ref('int_merge_request_inputs') }} as inputs on merge_requests.merge_request_id = inputs.merge_request_id
    left join {{ ref('stg_gitlab__projects') }} as projects on merge_requests.project_id = projects.project_id
    left join {{ ref('int_users') }} as authors on merge_requests.author_id = authors.user_id
    left join {{ ref('int_users') }} as merge_users on merge_requests.merge_user_id = merge_users.user_id
) as current_rows
left join {{ this }} as built on current_rows.merge_request_id = built.merge_request_id
where {{ differs }}
{%- endset -%}
{%- set months = months_of(changed) if execute else [] -%}
select current_rows.*
from {{ ref('int_merge_requests') }} as current_rows
left join (select * from {{ this }} where {{ in_months('created_at', months) }}) as built
    on current_rows.merge_request_id = built.merge_request_id
where
    {{ in_months('current_rows.created_at', months) }}
    and ({{ differs | indent(8) }})
{%- else -%}
select current_rows.*
from {{ ref('int_merge_requests') }} as current_rows
{%- endif %}
