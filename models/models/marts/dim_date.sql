{{ config(materialized='table') }}

-- Days from 2000, which imports do not precede, to the end of next year.
select
    date_day,
    {{ week_start('date_day') }} as week,
    {{ month_start('date_day') }} as month,
    extract(quarter from date_day) as quarter,
    extract(year from date_day) as year,
    -- 1 is Monday.
    mod(extract(dayofweek from date_day) + 5, 7) + 1 as day_of_week,
    format_date('%A', date_day) as day_name,
    extract(dayofweek from date_day) in (1, 7) as is_weekend
from unnest(generate_date_array(
    date '2000-01-01',
    date(extract(year from {{ now() }}) + 1, 12, 31)
)) as date_day
