{#- The risk rule: points from 0 to 100, the sum of the variable risk_weights for what speaks against merging. An unknown value adds
    nothing. A draft keeps a part of its points only (draft_factor): nobody is about to merge it.
    `f` names the expression of each feature: conflicts, pipeline_failed, changes_requested, merge_blocked, sensitive_label and draft are
    true or false; approvals_left, unresolved_threads and age_hours are numbers; author_failure_rate and project_conflict_rate are shares. -#}
{% macro risk_score(f) %}{{ return(adapter.dispatch('risk_score', 'mergemind')(f)) }}{% endmacro %}
{% macro default__risk_score(f) -%}
{%- set w = var('risk_weights') -%}
round(cast(least(100,
    if({{ f.conflicts }}, {{ w.conflicts }}, 0)
    + if({{ f.pipeline_failed }}, {{ w.pipeline_failed }}, 0)
    + if({{ f.changes_requested }}, {{ w.changes_requested }}, 0)
    + if({{ f.merge_blocked }}, {{ w.merge_blocked }}, 0)
    + least({{ w.approval_missing }} * coalesce({{ f.approvals_left }}, 0), {{ w.approvals_missing_at_most }})
    + least({{ w.unresolved_thread }} * coalesce({{ f.unresolved_threads }}, 0), {{ w.unresolved_threads_at_most }})
    + case {{ f.size }} when 'XL' then {{ w['size']['XL'] }} when 'L' then {{ w['size']['L'] }} when 'M' then {{ w['size']['M'] }} else 0 end
    + case when {{ f.age_hours }} >= 168 then {{ w.older_than_7_days }} when {{ f.age_hours }} >= 72 then {{ w.older_than_3_days }} else 0 end
    + {{ w.author_failure_rate }} * coalesce({{ f.author_failure_rate }}, 0)
    + {{ w.project_conflict_rate }} * coalesce({{ f.project_conflict_rate }}, 0)
    + if({{ f.sensitive_label }}, {{ w.sensitive_label }}, 0)
) * if({{ f.draft }}, {{ w.draft_factor }}, 1) as float64), 1)
{%- endmacro %}

{#- Low, Medium or High, by the variable risk_levels. -#}
{% macro risk_label(score) -%}
case when {{ score }} < {{ var('risk_levels').medium }} then 'Low' when {{ score }} < {{ var('risk_levels').high }} then 'Medium' else 'High' end
{%- endmacro %}

{#- Whether one of a merge request's labels has a sensitive word in it: a whole word, in any case. A hyphen belongs to a word, so that
    `non-breaking` is not `breaking`. -#}
{% macro has_sensitive_label(labels) -%}
{%- if var('sensitive_label_words') -%}
exists(
    select 1 from unnest({{ labels }}) as label
    where regexp_contains(lower(label), {{ regex('(^|[^\\pL\\pN_-])(' ~ any_of(var('sensitive_label_words')) ~ ')($|[^\\pL\\pN_-])') }})
)
{%- else -%}
false
{%- endif -%}
{%- endmacro %}
