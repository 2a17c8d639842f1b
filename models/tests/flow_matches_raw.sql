{{ config(tags=['nightly'], severity='error' if target.name == 'local' else 'warn') }}

-- Every merge and every open merge request of the raw table is in the weeks and days, and the parts of a week add up.
with problems as (
    select 'merged' as problem, raw.n as expected, mart.n as found
    from (
        select count(*) as n
        from {{ source('gitlab', 'merge_requests') }} as merge_requests
        inner join {{ ref('fct_merge_requests') }} as bots on merge_requests.id = bots.merge_request_id
        where
            merge_requests.state = 'merged' and merge_requests.merged_at >= merge_requests.created_at
            and merge_requests.merged_at <= current_timestamp() and not coalesce(merge_requests._deleted, false) and {{ counts_in_medians('bots.is_author_bot') }}
    ) as raw
    cross join (select coalesce(sum(merged_count), 0) as n from {{ ref('agg_flow_weekly') }} where scope_type = 'project') as mart
    union all
    select 'open today' as problem, raw.n as expected, mart.n as found
    from (
        select count(*) as n
        from {{ source('gitlab', 'merge_requests') }}
        where state not in ('merged', 'closed') and not coalesce(_deleted, false) and created_at <= current_timestamp()
    ) as raw
    cross join (
        select coalesce(sum(open_count), 0) as n
        from {{ ref('agg_work_in_progress_daily') }}
        where day = {{ local_date('current_timestamp()') }}
    ) as mart
    union all
    select 'open this week' as problem, days.n as expected, weeks.n as found
    from (
        select coalesce(sum(open_count), 0) as n
        from {{ ref('agg_work_in_progress_daily') }}
        where day = {{ local_date('current_timestamp()') }}
    ) as days
    cross join (
        select coalesce(sum(open_count), 0) as n
        from {{ ref('agg_work_in_progress_weekly') }}
        where scope_type = 'all' and week = {{ week_start(local_date('current_timestamp()')) }}
    ) as weeks
    union all
    select 'weeks that do not add up' as problem, 0 as expected, count(*) as found
    from {{ ref('agg_flow_weekly') }}
    where
        abs(hours_before_ready + hours_to_first_review + hours_in_review + hours_to_merge + hours_without_review - cycle_time_hours) > 0.01
        or abs(hours_waiting_on_author + hours_waiting_on_reviewers - cycle_time_hours) > 0.01
)

select problem, expected, found
from problems
where expected != found
