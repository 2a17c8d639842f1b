{{ config(tags=['nightly'], severity='error' if target.name == 'local' else 'warn') }}

-- All open merge requests and no others, with scores in range, and with the same drafts, approvals, sizes and rates as the raw tables.
with open_ones as (
    select
        id, project_id, author_id, approvals_left, additions + deletions as changed_lines, coalesce(draft, false) as is_draft,
        coalesce(has_conflicts, false) as has_conflicts, updated_at
    from {{ source('gitlab', 'merge_requests') }}
    where state = 'opened' and not coalesce(_deleted, false)
),

fail_rates as (
    select user_id, countif(status = 'failed') / countif(status in ('failed', 'success')) as rate
    from {{ source('gitlab', 'pipelines') }}
    where
        status in ('failed', 'success')
        and coalesce(finished_at, updated_at) > timestamp_sub(current_timestamp(), interval 168 hour)
    group by user_id
),

conflict_rates as (
    select project_id, countif(has_conflicts) / count(*) as rate
    from open_ones
    where updated_at > timestamp_sub(current_timestamp(), interval 336 hour)
    group by project_id
)

select raw.id, mart.mr_id, mart.risk_score_rule
from open_ones as raw
full outer join {{ ref('merge_risk_features') }} as mart on raw.id = mart.mr_id
left join fail_rates on raw.author_id = fail_rates.user_id
left join conflict_rates on raw.project_id = conflict_rates.project_id
where
    raw.id is null or mart.mr_id is null or not mart.risk_score_rule between 0 and 100
    or mart.work_in_progress != raw.is_draft
    or coalesce(mart.approvals_left, -1) != coalesce(raw.approvals_left, -1)
    or coalesce(mart.change_size_bucket, '') != coalesce({{ change_size('raw.changed_lines') }}, '')
    or abs(coalesce(mart.author_recent_fail_rate_7d, -1) - coalesce(fail_rates.rate, -1)) > 0.000001
    or abs(coalesce(mart.repo_merge_conflict_rate_14d, -1) - coalesce(conflict_rates.rate, -1)) > 0.000001
