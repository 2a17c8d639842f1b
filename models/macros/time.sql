{#- The moment that "now" means in a model. A unit test overrides it. -#}
{% macro now() %}current_timestamp(){% endmacro %}

{#- Hours from start to end with their fraction.
    Not TIMESTAMP_DIFF(…, HOUR): that gives whole hours, and whether it counts hours or passed hour marks depends on the engine. -#}
{% macro hours_between(start, end) %}(timestamp_diff({{ end }}, {{ start }}, second) / 3600){% endmacro %}

{#- The Monday of a date's week. Not DATE_TRUNC(…, WEEK(MONDAY)): the emulator rejects it. -#}
{% macro week_start(date) %}date_sub({{ date }}, interval mod(extract(dayofweek from {{ date }}) + 5, 7) day){% endmacro %}

{#- The first day of a date's month. Not DATE_TRUNC(…, MONTH): the emulator makes a DATETIME of it. -#}
{% macro month_start(date) %}date_sub({{ date }}, interval extract(day from {{ date }}) - 1 day){% endmacro %}
