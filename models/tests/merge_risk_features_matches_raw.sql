{{ config(severity='error' if target.name == 'local' else 'warn') }}

-- All open merge requests and no others, with scores in range.
select raw.id, mart.mr_id, mart.risk_score_rule
from (select id from {{ source('gitlab', 'merge_requests') }} where state = 'opened' and not coalesce(_deleted, false)) as raw
full outer join {{ ref('merge_risk_features') }} as mart on raw.id = mart.mr_id
where raw.id is null or mart.mr_id is null or not mart.risk_score_rule between 0 and 100
