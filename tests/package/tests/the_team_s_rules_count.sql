-- The team's macro is used where the package calls it, the mart that the team does not want is not there, and a row whose created_at
-- moved is still one row.
select 1 as wrong
from {{ ref('team_merge_requests') }}
having
    countif(size not in ('S', 'XL')) > 0
    or count(*) != count(distinct merge_request_id)
    {%- if execute and graph.nodes.values() | selectattr('name', 'equalto', 'co_review_graph') | list %}
    or true
    {%- endif %}
