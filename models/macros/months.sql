{#- BigQuery reads, and bills, only the months of a partitioned table that constants name. These macros ask first which months hold
    what changed, which costs a few bytes a row, and then name them. -#}

{#- A condition: the month of `column` is one of `months`, the first days of months; NULL in it means rows without a time. -#}
{% macro in_months(column, months) -%}
{%- set ranges = [] -%}
{%- for month in months -%}
{%- if month is none -%}
{%- do ranges.append(column ~ ' is null') -%}
{%- else -%}
{%- set next_month = (month.replace(day=28) + modules.datetime.timedelta(days=4)).replace(day=1) -%}
{%- do ranges.append(column ~ " >= timestamp('" ~ month ~ "') and " ~ column ~ " < timestamp('" ~ next_month ~ "')") -%}
{%- endif -%}
{%- endfor -%}
({{ ranges | join(' or ') if ranges else column ~ " < timestamp('1900-01-01')" }})
{%- endmacro %}

{#- The months of `created_at` in the rows of a query. -#}
{% macro months_of(rows) -%}
{%- set months -%}
select distinct {{ month_start('extract(date from created_at)') }} as month from ({{ rows }}) as changed
{%- endset -%}
{{ return(run_query(months).columns[0].values() | list) }}
{%- endmacro %}

{#- dbt's own MERGE; of a model with `meta: {merge_by_month: true}` only in the months that its new rows are in. Such a model is partitioned
    by month of `created_at`, which never changes. Other models, of this project or one that imports it, are merged as ever. In a
    project that imports this one it takes effect once `dispatch` names it (README.md, As a package); without, a MERGE costs more and
    does the same. -#}
{% macro bigquery__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
{%- set predicates = incremental_predicates or [] -%}
{%- if config.get('meta', {}).get('merge_by_month', false) -%}
{%- set months = months_of('select created_at from ' ~ source) -%}
{%- set predicates = predicates + [in_months('DBT_INTERNAL_DEST.created_at', months)] -%}
{%- endif -%}
{{ default__get_merge_sql(target, source, unique_key, dest_columns, predicates) }}
{%- endmacro %}
