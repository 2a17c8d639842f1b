{#- No two rows have the same key, and no part of it is NULL: `unique` and `not_null` in one scan. -#}
{% test primary_key(model, columns) %}
select {{ columns | join(', ') }}, count(*) as n
from {{ model }}
group by {{ columns | join(', ') }}
having n > 1 or {% for column in columns %}{{ column }} is null{{ ' or ' if not loop.last }}{% endfor %}

{% endtest %}
