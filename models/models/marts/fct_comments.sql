{{
    config(
        materialized='table',
        partition_by={'field': 'created_at', 'data_type': 'timestamp', 'granularity': 'month'},
        cluster_by=['merge_request_id'],
        meta={'live_rows': 'note_id'}
    )
}}

-- Comments on merge requests, without their texts.
select
    notes.note_id,
    notes.project_id,
    notes.merge_request_id,
    notes.author_id,
    coalesce(users.is_bot, false) as is_by_bot,
    coalesce(notes.author_id = merge_requests.author_id, false) as is_by_author,
    notes.created_at
from {{ ref('int_note_kinds') }} as notes
inner join {{ ref('stg_gitlab__merge_requests') }} as merge_requests
    on notes.merge_request_id = merge_requests.merge_request_id
left join {{ ref('int_users') }} as users
    on notes.author_id = users.user_id
where notes.kind = 'comment'
