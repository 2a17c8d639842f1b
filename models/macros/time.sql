{#- The moment that "now" means in a model. A unit test overrides it. -#}
{% macro now() %}{{ return(adapter.dispatch('now', 'mergemind')()) }}{% endmacro %}
{% macro default__now() %}current_timestamp(){% endmacro %}

{#- Hours from start to end with their fraction.
    Not TIMESTAMP_DIFF(…, HOUR): that gives whole hours, and whether it counts hours or passed hour marks depends on the engine. -#}
{% macro hours_between(start, end) %}(timestamp_diff({{ end }}, {{ start }}, second) / 3600){% endmacro %}

{#- Hours that two spans of time have in common; 0 if a bound is NULL. -#}
{% macro hours_in_common(start, end, other_start, other_end) -%}
(greatest(0, coalesce(timestamp_diff(least({{ end }}, {{ other_end }}), greatest({{ start }}, {{ other_start }}), second), 0)) / 3600)
{%- endmacro %}

{#- The date of a moment in the time zone of the variable time_zone. -#}
{% macro local_date(moment) -%}
{%- if var('time_zone') == 'UTC' -%}extract(date from {{ moment }}){%- else -%}date({{ moment }}, '{{ var('time_zone') }}'){%- endif -%}
{%- endmacro %}

{#- The moment at which a date ends in the time zone of the variable time_zone. -#}
{% macro end_of_day(date) -%}
timestamp(date_add({{ date }}, interval 1 day){% if var('time_zone') != 'UTC' %}, '{{ var('time_zone') }}'{% endif %})
{%- endmacro %}

{#- The first day of a date's week, by the variable first_weekday. Not DATE_TRUNC(…, WEEK(MONDAY)): the emulator rejects it. -#}
{% macro week_start(date) %}{{ return(adapter.dispatch('week_start', 'mergemind')(date)) }}{% endmacro %}
{% macro default__week_start(date) -%}
{%- set days = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] -%}
{%- set first = var('first_weekday') | lower -%}
{%- if first not in days -%}
{{ exceptions.raise_compiler_error("The variable first_weekday is " ~ var('first_weekday') ~ "; set it to one of " ~ days | join(', ')) }}
{%- endif -%}
date_sub({{ date }}, interval mod(extract(dayofweek from {{ date }}) + {{ 6 - days.index(first) }}, 7) day)
{%- endmacro %}

{#- The first day of a date's month. Not DATE_TRUNC(…, MONTH): the emulator makes a DATETIME of it. -#}
{% macro month_start(date) %}date_sub({{ date }}, interval extract(day from {{ date }}) - 1 day){% endmacro %}
