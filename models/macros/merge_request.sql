{#- When a merge request ended; NULL while it is open. The state decides: closed_at may be left from an earlier end, though
    GitLab empties it when it reopens a merge request. -#}
{% macro ended_at(table) -%}
case {{ table }}.state when 'merged' then {{ table }}.merged_at when 'closed' then {{ table }}.closed_at end
{%- endmacro %}

{#- Size by changed lines: S up to 50, M up to 200, L up to 500, XL above; NULL while GitLab has not counted them. -#}
{% macro change_size(lines) -%}
case when {{ lines }} <= 50 then 'S' when {{ lines }} <= 200 then 'M' when {{ lines }} <= 500 then 'L' when {{ lines }} > 500 then 'XL' end
{%- endmacro %}
