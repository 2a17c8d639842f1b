{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='merge_request_id',
        on_schema_change='append_new_columns',
        partition_by={'field': 'created_at', 'data_type': 'timestamp', 'granularity': 'month'},
        cluster_by=['project_id', 'merge_request_id'],
        meta={'merge_by_month': true, 'live_rows': 'merge_request_id'},
        post_hook="{{ delete_what_is_gone('merge_request_id', 'merge_requests') }}"
    )
}}

-- Each row is compared with what it was built from, so there is no watermark that a late commit could slip under.
select current_rows.*
from {{ ref('int_merge_requests') }} as current_rows
{% if is_incremental() and has_all_columns() %}
left join {{ this }} as built
    on current_rows.merge_request_id = built.merge_request_id
where
    built.merge_request_id is null
    or current_rows.inputs_synced_at != built.inputs_synced_at
    or coalesce(built.rules_version, '') != current_rows.rules_version
    or coalesce(current_rows.project_path, '') != coalesce(built.project_path, '')
    or coalesce(current_rows.author_username, '') != coalesce(built.author_username, '')
    or coalesce(current_rows.merge_user_username, '') != coalesce(built.merge_user_username, '')
{% endif %}
