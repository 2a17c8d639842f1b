{#- When a merge request ended; NULL while it is open. The state decides: closed_at may be left from an earlier end, though
    GitLab empties it when it reopens a merge request. -#}
{% macro ended_at(table) -%}
case {{ table }}.state when 'merged' then {{ table }}.merged_at when 'closed' then {{ table }}.closed_at end
{%- endmacro %}

{#- Size by changed lines: S, M, L up to the limits of the variable size_limits, XL above; NULL while GitLab has not counted them. -#}
{% macro change_size(lines) %}{{ return(adapter.dispatch('change_size', 'mergemind')(lines)) }}{% endmacro %}
{% macro default__change_size(lines) -%}
{%- set limits = var('size_limits') -%}
case when {{ lines }} <= {{ limits.S }} then 'S' when {{ lines }} <= {{ limits.M }} then 'M' when {{ lines }} <= {{ limits.L }} then 'L' when {{ lines }} > {{ limits.L }} then 'XL' end
{%- endmacro %}

{#- A condition: a merge request counts in medians and shares. Those of bots do only if the variable include_bots says so. -#}
{% macro counts_in_medians(is_author_bot) -%}
{{ 'true' if var('include_bots') else 'not coalesce(' ~ is_author_bot ~ ', false)' }}
{%- endmacro %}
