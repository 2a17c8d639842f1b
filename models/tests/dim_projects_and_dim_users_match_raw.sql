{{ config(severity='error' if target.name == 'local' else 'warn') }}

select 'projects' as what, expected, found
from (select count(*) as expected from {{ source('gitlab', 'projects') }} where not coalesce(_deleted, false))
cross join (select count(*) as found from {{ ref('dim_projects') }})
where expected != found
union all
select 'users' as what, expected, found
from (select count(*) as expected from {{ source('gitlab', 'users') }} where not coalesce(_deleted, false))
cross join (select count(*) as found from {{ ref('dim_users') }})
where expected != found
