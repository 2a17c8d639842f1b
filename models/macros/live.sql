{#- Rows for an event that somebody waits for: of some models only those of a few merge requests are written, each by one statement in
    which all models before it stand as common table expressions (dbt-trigger's live lane). The variables live_merge_requests and
    live_projects then hold ids; otherwise these macros write nothing, and a model is what it always is. -#}

{#- A condition for what belongs to a merge request: it is one of those. `word` stands before it. -#}
{% macro of_live_merge_requests(column, word='and') -%}
{%- set ids = var('live_merge_requests', []) -%}
{%- if ids %}{{ word }} {{ column }} in ({{ ids | map('int') | join(', ') }}){% endif -%}
{%- endmacro %}

{#- The same for what belongs to a project: it is that of such a merge request, or of its branch. -#}
{% macro of_live_projects(column, word='and') -%}
{%- set ids = var('live_projects', []) -%}
{%- if ids %}{{ word }} {{ column }} in ({{ ids | map('int') | join(', ') }}){% endif -%}
{%- endmacro %}

{#- Writes the rows of those merge requests into a table that a build has made, and removes those that they no longer have. What such a
    table lacks is left to the next build. A model says by `meta: {live_rows: KEY}` what tells its rows apart; it has a column
    merge_request_id. -#}
{% materialization live_rows, adapter='bigquery' %}
{%- set key = config.get('meta', {}).live_rows -%}
{%- if load_cached_relation(this) is none or not has_all_columns() -%}
{%- call noop_statement('main', 'left to the next build', 'SKIP', 0) -%}{%- endcall -%}
{%- else -%}
{%- set columns = model.columns.keys() | list -%}
{%- call statement('main') -%}
merge into {{ this }} as built
using (
{{ sql }}
) as live
on built.{{ key }} = live.{{ key }} {{ of_live_merge_requests('built.merge_request_id') }}
when matched then update set
{%- for column in columns %}
    {{ adapter.quote(column) }} = live.{{ adapter.quote(column) }}{{ ',' if not loop.last }}
{%- endfor %}
when not matched by target then insert ({% for column in columns %}{{ adapter.quote(column) }}{{ ', ' if not loop.last }}{% endfor %})
values ({% for column in columns %}live.{{ adapter.quote(column) }}{{ ', ' if not loop.last }}{% endfor %})
when not matched by source {{ of_live_merge_requests('built.merge_request_id') }} then delete
{%- endcall -%}
{%- endif -%}
{{ return({'relations': [this]}) }}
{% endmaterialization %}
