{#- The dataset of a model: of staging and intermediate models BQ_DATASET_STAGING, or that of the marts with `_staging` behind it. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
{%- if custom_schema_name == 'staging' and env_var('BQ_DATASET_STAGING', '') -%}
{{ env_var('BQ_DATASET_STAGING') }}
{%- else -%}
{{ default__generate_schema_name(custom_schema_name, node) }}
{%- endif -%}
{%- endmacro %}
