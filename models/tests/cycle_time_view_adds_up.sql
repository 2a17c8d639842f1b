{{ config(severity='error' if target.name == 'local' else 'warn') }}

-- Every ended merge request of the raw table is there with the right end, and both ways to divide its time add up.
select raw.id, mart.cycle_time_hours
from {{ source('gitlab', 'merge_requests') }} as raw
left join {{ ref('cycle_time_view') }} as mart on raw.id = mart.mr_id
where
    not coalesce(raw._deleted, false)
    and (raw.state = 'merged' and raw.merged_at >= raw.created_at or raw.state = 'closed' and raw.closed_at >= raw.created_at)
    and (
        mart.mr_id is null
        or mart.end_at != if(raw.state = 'merged', raw.merged_at, raw.closed_at)
        or abs(
            hours_before_ready + coalesce(hours_to_first_review, 0) + coalesce(hours_in_review, 0) + coalesce(hours_to_merge, 0)
            + coalesce(hours_without_review, 0) - cycle_time_hours
        ) > 0.001
        or abs(hours_waiting_on_author + hours_waiting_on_reviewers - cycle_time_hours) > 0.001
        or hours_waiting_on_author is null
        or hours_before_ready < 0 or hours_to_first_review < 0 or hours_in_review < 0 or hours_to_merge < 0
    )
