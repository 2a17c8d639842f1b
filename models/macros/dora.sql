{#- Whether the marts of DORA can be built: deployments are synced, or merges stand in for them. -#}
{% macro has_dora() -%}
{{ return('deployments' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) or var('merges_stand_in_for_deployments')) }}
{%- endmacro %}

{#- Whether one of `labels` is one of `wanted`, in any case. -#}
{% macro has_label(labels, wanted) -%}
{%- if wanted -%}
exists(select 1 from unnest({{ labels }}) as label where regexp_contains(lower(label), {{ regex('^(' ~ any_of(wanted) ~ ')$') }}))
{%- else -%}
false
{%- endif -%}
{%- endmacro %}
