-- When each merge request was open, and how long it had been open before. One row per stay; without the open end of what has ended, as
-- imports leave it: merged before it was opened, or at no known time.
select
    merge_requests.merge_request_id,
    merge_requests.project_id,
    merge_requests.is_author_bot,
    stays.valid_from,
    stays.valid_to,
    coalesce(sum({{ hours_between('stays.valid_from', 'stays.valid_to') }}) over (
        partition by stays.merge_request_id order by stays.valid_from rows between unbounded preceding and 1 preceding
    ), 0) as hours_open_before
from {{ ref('int_merge_request_states') }} as stays
inner join {{ ref('dim_merge_requests') }} as merge_requests
    on stays.merge_request_id = merge_requests.merge_request_id
where stays.state = 'opened' and (stays.valid_to is not null or merge_requests.state not in ('merged', 'closed'))
