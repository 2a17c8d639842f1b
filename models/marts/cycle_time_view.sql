select
    times.project_id,
    times.merge_request_id as mr_id,
    times.created_at,
    times.first_review_at,
    times.approved_at,
    times.end_at,
    times.cycle_time_hours,
    times.hours_to_first_review,
    times.hours_in_review,
    times.hours_to_merge,
    times.hours_without_review,
    waiting.hours_waiting_on_author,
    waiting.hours_waiting_on_reviewers,
    coalesce(rounds.review_rounds_count, 0) as review_rounds_count,
    drafts.hours_in_draft,
    {{ business_hours_between('times.created_at', 'times.end_at') }} as business_cycle_time_hours,
    {{ business_hours_between('times.created_at', 'times.first_review_at') }} as business_hours_to_first_review
from {{ ref('int_merge_request_times') }} as times
left join {{ ref('int_merge_request_waiting') }} as waiting
    on times.merge_request_id = waiting.merge_request_id
left join {{ ref('int_merge_request_rounds') }} as rounds
    on times.merge_request_id = rounds.merge_request_id
left join {{ ref('int_merge_request_drafts') }} as drafts
    on times.merge_request_id = drafts.merge_request_id
where times.end_at is not null
