{{ config(tags=['nightly'], severity='error' if target.name == 'local' else 'warn') }}

-- As many closed issues as the raw table holds, and every group.
select 'issues' as problem, raw.n as expected, mart.n as found
from (
    select count(*) as n
    from {{ source('gitlab', 'issues') }}
    where state = 'closed' and not coalesce(confidential, false)
) as raw
cross join (select countif(is_closed) as n from {{ ref('fct_issues') }}) as mart
where raw.n != mart.n
union all
select 'groups' as problem, raw.n as expected, mart.n as found
from (select count(*) as n from {{ source('gitlab', 'groups') }} where not coalesce(_deleted, false)) as raw
cross join (select count(*) as n from {{ ref('dim_groups') }}) as mart
where raw.n != mart.n
