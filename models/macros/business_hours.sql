{#- Working hours from start to end, by the variable business_hours; NULL while that is empty. Monday to Friday, no holidays. -#}
{% macro business_hours_between(start, end) -%}
{%- set hours = var('business_hours') -%}
{%- if hours -%}
(({{ working_seconds(end, hours) }} - {{ working_seconds(start, hours) }}) / 3600)
{%- else -%}
cast(null as float64)
{%- endif -%}
{%- endmacro %}

{#- Working seconds from Monday, 5 January 1970, to a moment: whole weeks, days of the week begun, and the day begun. -#}
{% macro working_seconds(moment, hours) -%}
{%- set local = "datetime(" ~ moment ~ ", '" ~ hours.time_zone ~ "')" -%}
{%- set day = "date_diff(date(" ~ local ~ "), date '1970-01-05', day)" -%}
{%- set length = (hours.end - hours.start) * 3600 -%}
(
    (floor({{ day }} / 7) * 5 + least(mod({{ day }}, 7), 5)) * {{ length }}
    + if(
        mod({{ day }}, 7) < 5,
        greatest(0, least(
            extract(hour from {{ local }}) * 3600 + extract(minute from {{ local }}) * 60 + extract(second from {{ local }})
            - {{ hours.start * 3600 }}, {{ length }}
        )),
        0
    )
)
{%- endmacro %}
