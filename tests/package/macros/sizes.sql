{#- In this team a thousand lines are still small. -#}
{% macro default__change_size(lines) -%}
case when {{ lines }} <= 1000 then 'S' when {{ lines }} > 1000 then 'XL' end
{%- endmacro %}
