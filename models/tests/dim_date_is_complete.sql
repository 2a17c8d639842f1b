-- No day is missing, and every merge request's day is there.
select 'gap' as problem, count(*) as n
from {{ ref('dim_date') }}
having count(*) != date_diff(max(date_day), min(date_day), day) + 1
union all
select 'merge request outside' as problem, count(*) as n
from {{ source('gitlab', 'merge_requests') }} as merge_requests
left join {{ ref('dim_date') }} as days on extract(date from merge_requests.created_at) = days.date_day
where days.date_day is null and not coalesce(merge_requests._deleted, false)
having n > 0
