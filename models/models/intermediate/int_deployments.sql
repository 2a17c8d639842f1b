{{ config(materialized='table', enabled='deployments' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) or var('merges_stand_in_for_deployments')) }}


-- Deployments, each with the moment up to which it brings the default branch. One row per deployment.
-- The commit of a deployment is mostly that of a merge request (its merge commit; where it was merged without one, the squashed commit, or
-- its head): then it brings all that was merged until that merge. Of another commit only the time is known at which it first went anywhere.
with deployments as (
    {% if 'deployments' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) -%}
    select
        deployments.deployment_id,
        deployments.project_id,
        deployments.environment_name,
        {% if 'environments' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) -%}
        environments.tier as environment_tier,
        coalesce(
            environments.tier = 'production',
            regexp_contains(lower(deployments.environment_name), {{ regex(var('production_environment_pattern')) }}), false
        ) as is_production,
        {%- else -%}
        cast(null as string) as environment_tier,
        coalesce(
            regexp_contains(lower(deployments.environment_name), {{ regex(var('production_environment_pattern')) }}), false
        ) as is_production,
        {%- endif %}
        deployments.status,
        deployments.ref,
        deployments.commit_sha,
        deployments.user_id,
        deployments.created_at,
        -- Of what no job of GitLab's deployed only the last change is known, which is mostly the end.
        if(
            deployments.status in ('success', 'failed', 'canceled'), coalesce(deployments.finished_at, deployments.updated_at), null
        ) as finished_at,
        deployments.is_deleted,
        false as is_stand_in
    from {{ ref('stg_gitlab__deployments') }} as deployments
    {%- if 'environments' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) %}
    left join {{ ref('stg_gitlab__environments') }} as environments
        on deployments.environment_id = environments.environment_id
    {%- endif %}
    {%- else -%}
    select
        merge_requests.merge_request_id as deployment_id,
        merge_requests.project_id,
        'default branch' as environment_name,
        cast(null as string) as environment_tier,
        true as is_production,
        'success' as status,
        merge_requests.target_branch as ref,
        coalesce(merge_requests.merge_commit_sha, merge_requests.head_sha) as commit_sha,
        merge_requests.merge_user_id as user_id,
        merge_requests.merged_at as created_at,
        merge_requests.merged_at as finished_at,
        false as is_deleted,
        true as is_stand_in
    from {{ ref('stg_gitlab__merge_requests') }} as merge_requests
    inner join {{ ref('stg_gitlab__projects') }} as projects
        on merge_requests.project_id = projects.project_id and merge_requests.target_branch = projects.default_branch
    where merge_requests.state = 'merged' and merge_requests.merged_at is not null
    {%- endif %}
),

merges as (
    select project_id, commit_sha, max(merged_at) as merged_at
    from (
        select project_id, merge_commit_sha as commit_sha, merged_at
        from {{ ref('stg_gitlab__merge_requests') }}
        where state = 'merged' and merge_commit_sha is not null
        union all
        {% if 'mr_details' in var('optional_tables', env_var('OPTIONAL_TABLES', '').split(',')) -%}
        select
            merge_requests.project_id,
            coalesce(details.squash_commit_sha, merge_requests.head_sha) as commit_sha,
            merge_requests.merged_at
        from {{ ref('stg_gitlab__merge_requests') }} as merge_requests
        left join {{ ref('stg_gitlab__mr_details') }} as details
            on merge_requests.merge_request_id = details.merge_request_id
        where
            merge_requests.state = 'merged' and merge_requests.merge_commit_sha is null
            and coalesce(details.squash_commit_sha, merge_requests.head_sha) is not null
        {%- else -%}
        select project_id, head_sha as commit_sha, merged_at
        from {{ ref('stg_gitlab__merge_requests') }}
        where state = 'merged' and merge_commit_sha is null and head_sha is not null
        {%- endif %}
    )
    group by project_id, commit_sha
),

placed as (
    select
        deployments.*,
        deployments.status = 'success' and deployments.is_production as is_release,
        merges.merged_at is not null as is_merged_commit,
        coalesce(
            merges.merged_at, min(deployments.created_at) over (partition by deployments.project_id, deployments.commit_sha)
        ) as code_until
    from deployments
    left join merges
        on deployments.project_id = merges.project_id and deployments.commit_sha = merges.commit_sha
),

ordered as (
    select
        *,
        max(if(is_release, code_until, null)) over (
            partition by project_id, environment_name
            order by finished_at, deployment_id rows between unbounded preceding and 1 preceding
        ) as code_until_before
    from placed
)

select
    *,
    -- Older code than production has had already.
    coalesce(is_release and code_until < code_until_before, false) as is_rollback
from ordered
