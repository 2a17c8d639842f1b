{#- The rules that rows of an incremental model are made by: a number, and the variables that its rows depend on. Raise the number with
    every change of what a row holds, here or in a model before it: the next build then makes the older rows anew. -#}
{% macro rules_version(model_name) -%}
{%- set numbers = {'dim_merge_requests': 3, 'fct_pipelines': 2, 'int_note_kinds': 2} -%}
{%- set variables = [] -%}
{%- if model_name == 'dim_merge_requests' -%}
{%- for name in ['bot_usernames', 'bot_username_patterns', 'ghost_usernames', 'size_limits'] -%}{%- do variables.append(var(name)) -%}{%- endfor -%}
{%- endif -%}
{%- set synced = '+mr_state_events' if model_name == 'dim_merge_requests' and 'mr_state_events' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) else '' -%}
'{{ numbers[model_name] }}{{ '.' ~ local_md5(tojson(variables, sort_keys=true))[:8] if variables else '' }}{{ synced }}'
{%- endmacro %}

{#- Whether the built table has every column of its model. A new one is NULL in the rows that are not made anew, so all must be. -#}
{% macro has_all_columns() -%}
{%- set built = adapter.get_columns_in_relation(this) | map(attribute='name') | list -%}
{{ return(model.columns.keys() | reject('in', built) | list | length == 0) }}
{%- endmacro %}

{#- Deletes from an incremental model what GitLab no longer has. BigQuery bills a DELETE for all columns of what it looks at, so it is
    sent only if there is something to delete. -#}
{% macro delete_what_is_gone(key, raw_table) -%}
{%- if execute and is_incremental() -%}
{%- set found -%}
select count(*) as n from {{ this }} as built inner join {{ source('gitlab', raw_table) }} as raw on built.{{ key }} = raw.id where raw._deleted
{%- endset -%}
{%- if run_query(found).rows[0][0] | int > 0 -%}
delete from {{ this }} where {{ key }} in (select id from {{ source('gitlab', raw_table) }} where _deleted)
{%- endif -%}
{%- endif -%}
{%- endmacro %}

{#- dbt's own way to add columns, by BigQuery's REST API; the emulator takes a new column only by a statement. -#}
{% macro bigquery__alter_relation_add_remove_columns(relation, add_columns, remove_columns) -%}
{%- if target.name == 'local' -%}
{%- for column in add_columns or [] -%}
{%- do run_query('alter table ' ~ relation ~ ' add column if not exists ' ~ column.quoted ~ ' ' ~ column.data_type) -%}
{%- endfor -%}
{%- endif -%}
{%- do adapter.alter_table_add_remove_columns(relation, add_columns, remove_columns) -%}
{%- endmacro %}
