-- A month is read from its first moment to its last, December ends a year, rows without a time are found, and no month is no row.
{%- set december = modules.datetime.date(2025, 12, 1) %}
with cases as (
    select timestamp('2025-11-30 23:59:59') as created_at, false as expected
    union all
    select timestamp('2025-12-01 00:00:00') as created_at, true as expected
    union all
    select timestamp('2025-12-31 23:59:59') as created_at, true as expected
    union all
    select timestamp('2026-01-01 00:00:00') as created_at, false as expected
    union all
    select cast(null as timestamp) as created_at, true as expected
)

select created_at
from cases
where
    coalesce({{ in_months('created_at', [december, none]) }}, false) != expected
    or coalesce({{ in_months('created_at', [december]) }}, false) != (expected and created_at is not null)
    or {{ in_months('created_at', []) }}
