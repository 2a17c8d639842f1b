{#- Raw tables that some model reads have the columns and types that models/staging/sources*.yml promises: every statement was
    checked against those. A column that is not described yet is no fault. -#}
{% set read = [] -%}
{% set wrong = [] -%}
{% if execute -%}
    {% for node in graph.nodes.values() if node.resource_type == 'model' %}{% do read.extend(node.depends_on.nodes) %}{% endfor -%}
    {% for source in graph.sources.values() if source.unique_id in read -%}
        {% set found = {} -%}
        {% for column in adapter.get_columns_in_relation(api.Relation.create(source.database, source.schema, source.identifier)) -%}
            {#- BigQuery's REST API still says BOOLEAN. -#}
            {% do found.update({column.name: column.data_type | upper | replace('BOOLEAN', 'BOOL')}) -%}
        {% endfor -%}
        {% for column in source.columns.values() if found.get(column.name, 'missing') != column.data_type -%}
            {% do wrong.append([source.name, column.name, column.data_type, found.get(column.name, 'missing')]) -%}
        {% endfor -%}
    {% endfor -%}
{% endif -%}
{% for table, column, expected, actual in wrong -%}
select '{{ table }}' as table_name, '{{ column }}' as column_name, '{{ expected }}' as expected, '{{ actual }}' as found
{{ 'union all' if not loop.last }}
{% else -%}
select 'none' as table_name, 'none' as column_name, 'none' as expected, 'none' as found from (select 1 as one) where one = 0
{% endfor %}
