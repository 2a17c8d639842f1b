{# Rows of an incremental table that are not what a full refresh would make, for a test: `fresh` is the relation or the
   subquery that all of it would be computed from. #}
{% macro differences_from_full_refresh(built, fresh, key) %}
with fresh as (
    select {{ key }}, to_json_string(fresh_row) as content
    from {{ fresh }} as fresh_row
),

built as (
    select {{ key }}, to_json_string(built_row) as content
    from {{ built }} as built_row
)

select
    coalesce(fresh.{{ key }}, built.{{ key }}) as {{ key }},
    fresh.content as expected,
    built.content as found
from fresh
full outer join built on fresh.{{ key }} = built.{{ key }}
where coalesce(fresh.content, '') != coalesce(built.content, '')
{% endmacro %}
