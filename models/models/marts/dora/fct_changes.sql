{{ config(materialized='table', enabled='deployments' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) or var('merges_stand_in_for_deployments')) }}


-- Merge requests that were merged into their project's default branch, and the release that brought each: the first successful deployment
-- to production whose code is as new as the merge. A rollback brings nothing. What a release of a commit that is no merge request's brings,
-- GitLab's own links tell (stream deployment_merge_requests) where it makes them: it finds merge commits only.
with changes as (
    select
        merge_requests.merge_request_id,
        merge_requests.project_id,
        merge_requests.author_id,
        merge_requests.is_author_bot,
        merge_requests.created_at,
        merge_requests.first_review_at,
        merge_requests.merged_at,
        merge_requests.merge_commit_sha is not null as has_merge_commit,
        starts_with(merge_requests.title, 'Revert "') as is_revert,
        coalesce(regexp_contains(lower(merge_requests.source_branch), {{ regex(var('hotfix_branch_pattern')) }}), false)
        or {{ has_label('merge_requests.labels', var('hotfix_labels')) }} as is_hotfix
    from {{ ref('dim_merge_requests') }} as merge_requests
    inner join {{ ref('stg_gitlab__projects') }} as projects
        on merge_requests.project_id = projects.project_id and merge_requests.target_branch = projects.default_branch
    where merge_requests.state = 'merged' and merge_requests.merged_at is not null
),

{% if 'deployment_merge_requests' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) -%}
linked as (
    select links.merge_request_id, min(format('%020d %d', unix_micros(deployments.finished_at), deployments.deployment_id)) as released
    from {{ ref('stg_gitlab__deployment_merge_requests') }} as links
    inner join {{ ref('int_deployments') }} as deployments
        on links.deployment_id = deployments.deployment_id
    where deployments.is_release and deployments.finished_at is not null and not deployments.is_merged_commit
    group by links.merge_request_id
),

{% endif -%}
-- From the newest code to the oldest: the earliest end of all releases that have a change is the smallest so far.
line_of_code as (
    select
        project_id,
        code_until as moment,
        0 as place,
        cast(null as int64) as merge_request_id,
        {% if 'deployment_merge_requests' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) -%}
        not is_merged_commit
        and project_id in (select project_id from {{ ref('stg_gitlab__deployment_merge_requests') }}) as has_links,
        {%- else -%}
        false as has_links,
        {%- endif %}
        format('%020d %d', unix_micros(finished_at), deployment_id) as released
    from {{ ref('int_deployments') }}
    where is_release and finished_at is not null
    union all
    select
        project_id,
        merged_at as moment,
        1 as place,
        merge_request_id,
        has_merge_commit as has_links,
        cast(null as string) as released
    from changes
),

releases as (
    select
        merge_request_id,
        -- What GitLab could have linked, time does not tell.
        if(
            has_links,
            min(if(has_links, null, released)) over (
                partition by project_id order by moment desc, place, released, merge_request_id
                rows between unbounded preceding and current row
            ),
            min(released) over (
                partition by project_id order by moment desc, place, released, merge_request_id
                rows between unbounded preceding and current row
            )
        ) as released
    from line_of_code
),

found as (
    select merge_request_id, split(min(released), ' ')[offset(1)] as deployment_id
    from (
        select merge_request_id, released
        from releases
        where merge_request_id is not null and released is not null
        {%- if 'deployment_merge_requests' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) %}
        union all
        select merge_request_id, released
        from linked
        {%- endif %}
    )
    group by merge_request_id
)

select
    changes.merge_request_id,
    changes.project_id,
    changes.author_id,
    changes.is_author_bot,
    changes.is_revert,
    changes.is_hotfix,
    {% if 'mr_commits' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) -%}
    first_commits.first_commit_at,
    {%- else -%}
    cast(null as timestamp) as first_commit_at,
    {%- endif %}
    changes.created_at,
    changes.first_review_at,
    changes.merged_at,
    deployments.deployment_id,
    deployments.finished_at as deployed_at,
    {% if 'mr_commits' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) -%}
    {{ hours_between('first_commits.first_commit_at', 'deployments.finished_at') }} as hours_from_first_commit_to_deployment,
    {%- else -%}
    cast(null as float64) as hours_from_first_commit_to_deployment,
    {%- endif %}
    {{ hours_between('changes.first_review_at', 'deployments.finished_at') }} as hours_from_first_review_to_deployment,
    {{ hours_between('changes.merged_at', 'deployments.finished_at') }} as hours_from_merge_to_deployment
from changes
{%- if 'mr_commits' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) %}
left join {{ ref('int_merge_request_first_commits') }} as first_commits
    on changes.merge_request_id = first_commits.merge_request_id
{%- endif %}
left join found
    on changes.merge_request_id = found.merge_request_id
left join {{ ref('int_deployments') }} as deployments
    on found.deployment_id = cast(deployments.deployment_id as string)
