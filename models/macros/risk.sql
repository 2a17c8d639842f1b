{#- The risk rule: points from 0 to 100, the sum of these weights. An unknown value adds nothing.
      last pipeline failed                        25
      approvals missing                           10 each, at most 20
      size                                        M 5, L 12, XL 20
      age                                         5 after 3 days, 10 after 7 days
      author's failed pipelines, last 7 days      10 × share
      project's merge conflicts, last 14 days     10 × share
      a sensitive label                            5
    Work in progress halves the sum: nobody is about to merge it. -#}
{% macro risk_score(failed, approvals_left, size, age_hours, author_fail_rate, conflict_rate, sensitive, draft) -%}
round((
    if({{ failed }}, 25, 0)
    + least(10 * coalesce({{ approvals_left }}, 0), 20)
    + case {{ size }} when 'XL' then 20 when 'L' then 12 when 'M' then 5 else 0 end
    + case when {{ age_hours }} >= 168 then 10 when {{ age_hours }} >= 72 then 5 else 0 end
    + 10 * coalesce({{ author_fail_rate }}, 0)
    + 10 * coalesce({{ conflict_rate }}, 0)
    + if({{ sensitive }}, 5, 0)
) * if({{ draft }}, 0.5, 1), 1)
{%- endmacro %}

{#- Low below 25, Medium below 50, High from there. -#}
{% macro risk_label(score) -%}
case when {{ score }} < 25 then 'Low' when {{ score }} < 50 then 'Medium' else 'High' end
{%- endmacro %}
