{{ config(
    tags=['nightly'],
    severity='error' if target.name == 'local' else 'warn',
    enabled='jobs' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(','))
) }}

-- As many jobs by name and end as the raw table holds.
select raw.name, raw.status, raw.n, mart.n as mart_n
from (select name, status, count(*) as n from {{ source('gitlab', 'jobs') }} group by name, status) as raw
full outer join (
    select job_name, status, count(*) as n
    from {{ ref('fct_jobs') }}
    group by job_name, status
) as mart on raw.name = mart.job_name and raw.status = mart.status
where coalesce(raw.n, 0) != coalesce(mart.n, 0)
