-- No day is missing, every merge request's day is there, and days at borders of weeks (of Monday), months and years say what they are.
select 'gap' as problem, count(*) as n
from {{ ref('dim_date') }}
having count(*) != date_diff(max(date_day), min(date_day), day) + 1
union all
select 'merge request outside' as problem, count(*) as n
from {{ source('gitlab', 'merge_requests') }} as merge_requests
left join {{ ref('dim_date') }} as days on extract(date from merge_requests.created_at) = days.date_day
where
    days.date_day is null and not coalesce(merge_requests._deleted, false)
    -- Imports leave some that begin in the future; merge_requests_have_plausible_times names them.
    and merge_requests.created_at <= timestamp_add(current_timestamp(), interval 24 hour)
having n > 0
union all
select 'wrong day' as problem, count(*) as n
from {{ ref('dim_date') }}
where
    {{ 'true' if var('first_weekday') == 'monday' else 'false' }} and
    date_day in (date '2024-02-29', date '2024-12-31', date '2025-01-01', date '2026-01-11', date '2026-01-12')
    and format(
        '%s %s %s %d %d %d %s %s', cast(date_day as string), cast(week as string), cast(month as string), quarter, year, day_of_week,
        day_name, if(is_weekend, 'weekend', 'workday')
    ) not in (
        '2024-02-29 2024-02-26 2024-02-01 1 2024 4 Thursday workday',
        '2024-12-31 2024-12-30 2024-12-01 4 2024 2 Tuesday workday',
        '2025-01-01 2024-12-30 2025-01-01 1 2025 3 Wednesday workday',
        '2026-01-11 2026-01-05 2026-01-01 1 2026 7 Sunday weekend',
        '2026-01-12 2026-01-12 2026-01-01 1 2026 1 Monday workday'
    )
having n > 0
