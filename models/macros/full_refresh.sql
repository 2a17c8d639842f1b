{# Rows of an incremental table that are not what a full refresh would make, for a test: `fresh` is the relation or the
   subquery that all of it would be computed from; columns in `leave_out` are not compared. #}
{% macro differences_from_full_refresh(model, fresh, key, leave_out=[]) %}
{#- By name and in one order: a column that a later release appended is the last one of an old table. -#}
{%- set names = adapter.get_columns_in_relation(model) | map(attribute='name') | reject('in', leave_out) | sort | join(', ') if execute else key %}
with fresh as (
    select {{ key }}, to_json_string(fresh_row) as content
    from (select {{ names }} from {{ fresh }}) as fresh_row
),

built as (
    select {{ key }}, to_json_string(built_row) as content
    from (select {{ names }} from {{ model }}) as built_row
)

select
    coalesce(fresh.{{ key }}, built.{{ key }}) as {{ key }},
    fresh.content as expected,
    built.content as found
from fresh
full outer join built on fresh.{{ key }} = built.{{ key }}
where coalesce(fresh.content, '') != coalesce(built.content, '')
{% endmacro %}
