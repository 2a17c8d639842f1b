{#- The rules that rows of an incremental mart are made by. Raise its number with every change of what a row holds, here or in a
    model before it: the next build then makes the older rows anew. -#}
{% macro rules_version(mart) -%}
{%- set numbers = {'dim_merge_requests': 1, 'fct_pipelines': 1} -%}
{%- set synced = '+mr_state_events' if mart == 'dim_merge_requests' and 'mr_state_events' in var('optional_tables') else '' -%}
'{{ numbers[mart] }}{{ synced }}'
{%- endmacro %}

{#- Whether the built table has every column of its model. A new one is NULL in the rows that are not made anew, so all must be. -#}
{% macro has_all_columns() -%}
{%- set built = adapter.get_columns_in_relation(this) | map(attribute='name') | list -%}
{{ return(model.columns.keys() | reject('in', built) | list | length == 0) }}
{%- endmacro %}
