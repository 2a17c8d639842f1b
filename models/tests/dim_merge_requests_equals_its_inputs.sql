{{ config(tags=['nightly'], severity='error' if target.name == 'local' else 'warn') }}

-- A light form of dim_merge_requests_equals_full_refresh that runs on BigQuery, too: of a few narrow columns, what the incremental table
-- holds is what the models before it say today.
select current_rows.merge_request_id
from {{ ref('int_merge_requests') }} as current_rows
full outer join {{ ref('dim_merge_requests') }} as built
    on current_rows.merge_request_id = built.merge_request_id
where
    current_rows.merge_request_id is null or built.merge_request_id is null
    or current_rows.inputs_synced_at != built.inputs_synced_at
    or current_rows.approvals_count != built.approvals_count
    or current_rows.review_comments_count != built.review_comments_count
    or current_rows.pipelines_count != built.pipelines_count
    or current_rows.is_author_bot != built.is_author_bot
    or coalesce(current_rows.author_username, '') != coalesce(built.author_username, '')
