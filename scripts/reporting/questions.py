"""What the report asks the marts. Each question is one query; {dataset} is the modelled dataset."""

from __future__ import annotations

WEEKS = 13  # A quarter: what a team remembers.

# What a week holds in which nothing ended or ran.
BLANK_WEEKS = {
    "cycle_time": {"ended": 0, "before_ready": 0, "to_first_review": 0, "in_review": 0, "to_merge": 0, "without_review": 0, "median_hours": None},
    "pipelines": {"finished": 0, "failed": 0},
    "releases": {"held": 0, "failed": 0},
}

# Marts that stand only where their streams are synced; without one its questions are not asked, and the page leaves the part out.
OPTIONAL = {"four_keys": "agg_dora_weekly", "releases": "agg_dora_weekly", "deployed": "fct_changes"}

# The projects of each group at any level, and of `all`.
MEMBERS = """
        members as (
            select project_id, 'all' as scope from {dataset}.dim_projects
            union all
            select projects.project_id, teams.group_path as scope
            from {dataset}.dim_groups as teams
            inner join {dataset}.dim_projects as projects
                on starts_with(projects.project_path, concat(teams.group_path, '/'))
        )
"""
# 0: the last four weeks; 1: the four before.
PERIOD = "cast(floor(timestamp_diff(current_timestamp(), {column}, second) / 2419200) as int64)"
RECENT = "{column} > timestamp_sub(current_timestamp(), interval 56 day) and {column} <= current_timestamp()"


def median(table: str, at: str, columns: dict[str, str], condition: str) -> str:
    """A query for the median of each column over the rows themselves, by scope and period."""
    spread = ", ".join(f"percentile_cont({column}, 0.5) over (partition by scope, period) as {name}" for name, column in columns.items())
    inner = f"""
                select members.scope, {PERIOD.format(column=f"facts.{at}")} as period, {", ".join(f"facts.{column}" for column in columns.values())}
                from {{dataset}}.{table} as facts
                inner join members on facts.project_id = members.project_id
                where {condition} and {RECENT.format(column=f"facts.{at}")}"""
    return f"""
            select scope, period, count(*) as counted, {", ".join(f"max({name}) as {name}" for name in columns)}
            from (select scope, period, {spread} from ({inner}))
            group by scope, period"""


# What people merged, with the Monday of each; bots' merge requests would be the median of many a project.
MERGED = """
        with merged as (
            select
                times.*,
                date_sub(
                    extract(date from times.end_at), interval mod(extract(dayofweek from extract(date from times.end_at)) + 5, 7) day
                ) as week,
                date_sub(current_date(), interval mod(extract(dayofweek from current_date()) + 5, 7) day) as this_week
            from {dataset}.cycle_time_view as times
            inner join {dataset}.dim_merge_requests as merge_requests
                on times.mr_id = merge_requests.merge_request_id
            where
                merge_requests.state = 'merged' and not coalesce(times.is_author_bot, false)
                and times.end_at >= timestamp_sub(current_timestamp(), interval {days} day)
        )
"""

QUESTIONS = {
    # Mean hours, because the means of the parts add up to the mean of the whole; the median stands beside it.
    "cycle_time": f"""
        {MERGED}

        select
            week,
            count(*) as ended,
            avg(coalesce(hours_before_ready, 0)) as before_ready,
            avg(coalesce(hours_to_first_review, 0)) as to_first_review,
            avg(coalesce(hours_in_review, 0)) as in_review,
            avg(coalesce(hours_to_merge, 0)) as to_merge,
            avg(coalesce(hours_without_review, 0)) as without_review,
            max(median_hours) as median_hours
        from (select *, percentile_cont(cycle_time_hours, 0.5) over (partition by week) as median_hours from merged)
        group by week
        order by week
    """,
    # Of the last four whole weeks (0) and the four before (1): medians of weeks can't be put together.
    "medians": f"""
        {MERGED}

        select period, max(median_hours) as median_hours
        from (
            select period, percentile_cont(cycle_time_hours, 0.5) over (partition by period) as median_hours
            from (
                select cycle_time_hours, cast(floor((date_diff(this_week, week, day) - 7) / 28) as int64) as period
                from merged
                where week < this_week and week >= date_sub(this_week, interval 56 day)
            )
        )
        group by period
    """,
    "pipelines": """
        select
            date_sub(extract(date from created_at), interval mod(extract(dayofweek from extract(date from created_at)) + 5, 7) day) as week,
            countif(is_finished) as finished,
            countif(is_failed) as failed
        from {dataset}.fct_pipelines
        where created_at >= timestamp_sub(current_timestamp(), interval {days} day)
        group by week
        order by week
    """,
    "review_load": """
        select
            users.username,
            sum(load.reviewed_mrs_count) as reviewed,
            sum(load.comments_count) as comments,
            sum(load.approvals_count) as approvals,
            max(users.open_review_requests_count) as waiting
        from {dataset}.agg_reviewer_load as load
        inner join {dataset}.dim_users as users on load.reviewer_id = users.user_id
        where load.week >= date_sub(current_date(), interval 34 day)
        group by users.username
        order by reviewed desc, users.username
        limit 15
    """,
    "risk": """
        select
            merge_requests.project_path, merge_requests.merge_request_iid as iid, merge_requests.title, merge_requests.web_url,
            merge_requests.author_username, risk.risk_score_rule as score, risk.risk_label as label, risk.age_hours,
            risk.has_conflicts, risk.has_changes_requested, risk.unresolved_discussions_count as unresolved, risk.is_merge_blocked,
            risk.last_pipeline_status_is_fail, risk.approvals_left, risk.change_size_bucket as size, risk.labels_sensitive,
            risk.work_in_progress
        from {dataset}.merge_risk_features as risk
        inner join {dataset}.dim_merge_requests as merge_requests
            on risk.mr_id = merge_requests.merge_request_id
        order by score desc, merge_requests.merge_request_id
        limit 15
    """,
    "open": """
        select risk_label as label, count(*) as n from {dataset}.merge_risk_features group by risk_label
    """,
    "totals": """
        select
            (select count(*) from {dataset}.dim_projects) as projects,
            (select count(*) from {dataset}.dim_merge_requests) as merge_requests,
            (select max(inputs_synced_at) from {dataset}.dim_merge_requests) as synced_at
    """,
    # Where the hours of what was merged in the last four whole weeks went.
    "flow": """
        select
            scope_type,
            scope_path,
            sum(merged_count) as merged,
            sum(cycle_time_hours) as hours,
            sum(hours_before_ready) as before_ready,
            sum(hours_to_first_review) as to_first_review,
            sum(hours_in_review) as in_review,
            sum(hours_to_merge) as to_merge,
            sum(hours_without_review) as without_review,
            sum(merged_without_review_count) as merged_without_review,
            sum(pushes_after_review_count) as pushes_after_review,
            sum(reverts_count) as reverts
        from {dataset}.agg_flow_weekly
        where
            scope_type in ('all', 'group')
            and week > date_sub(current_date(), interval 35 day)
            and week <= date_sub(current_date(), interval 7 day)
        group by scope_type, scope_path
        having sum(merged_count) > 0
        order by scope_type, merged desc, scope_path
        limit 13
    """,
    # Now, four weeks ago, and for how long.
    "open_work": """
        select scope_path as scope, open_count, median_age_hours, longest_age_hours, open_before
        from (
            select
                *,
                lag(open_count, 4) over (partition by scope_type, scope_id order by week) as open_before,
                row_number() over (partition by scope_type, scope_id order by week desc) as place
            from {dataset}.agg_work_in_progress_weekly
            where scope_type in ('all', 'group')
        )
        where place = 1 and open_count > 0
        order by scope_type, open_count desc, scope_path
        limit 13
    """,
    "funnel": f"""
        with {MEMBERS}

        select
            members.scope,
            count(*) as opened,
            countif(facts.ready_at is not null) as ready,
            countif(facts.first_review_at is not null) as reviewed,
            countif(facts.approved_at is not null) as approved,
            countif(facts.is_merged) as merged
        from {{dataset}}.fct_merge_requests as facts
        inner join members on facts.project_id = members.project_id
        where not facts.is_author_bot and facts.created_at >= timestamp_sub(current_timestamp(), interval {{days}} day)
        group by members.scope
        order by members.scope != 'all', opened desc, members.scope
        limit 13
    """,
    "deployed": f"""
        with {MEMBERS}

        select members.scope, count(*) as deployed
        from {{dataset}}.fct_changes as facts
        inner join members on facts.project_id = members.project_id
        where
            facts.deployment_id is not null and not facts.is_author_bot
            and facts.created_at >= timestamp_sub(current_timestamp(), interval {{days}} day)
        group by members.scope
    """,
    "releases": """
        select week, releases_count - failed_releases_count as held, failed_releases_count as failed
        from {dataset}.agg_dora_weekly
        where scope_type = 'all' and week >= date_sub(current_date(), interval {days} day)
        order by week
    """,
    # Medians are over the changes and incidents themselves; those of weeks can't be put together.
    "four_keys": f"""
        with {MEMBERS},

        releases as (
            select members.scope, {PERIOD.format(column="facts.finished_at")} as period, count(*) as counted, countif(facts.is_failed_release) as failed
            from {{dataset}}.fct_deployments as facts
            inner join members on facts.project_id = members.project_id
            where facts.is_release and {RECENT.format(column="facts.finished_at")}
            group by members.scope, period
        ),

        changes as ({median("fct_changes", "deployed_at", {"from_commit": "hours_from_first_commit_to_deployment", "from_merge": "hours_from_merge_to_deployment"}, "facts.deployment_id is not null")}
        ),

        restored as ({median("fct_incidents", "restored_at", {"to_restore": "hours_to_restore"}, "not facts.is_deleted")}
        )

        select
            scopes.scope,
            period,
            coalesce(releases.counted, 0) as releases,
            coalesce(releases.failed, 0) as failed,
            coalesce(changes.counted, 0) as changes,
            changes.from_commit,
            changes.from_merge,
            coalesce(restored.counted, 0) as restored,
            restored.to_restore
        from (select distinct scope from members) as scopes
        cross join unnest([0, 1]) as period
        left join releases using (scope, period)
        left join changes using (scope, period)
        left join restored using (scope, period)
        where releases.counted is not null or changes.counted is not null or restored.counted is not null
        order by period, scopes.scope != 'all', releases desc, scopes.scope
    """,
}
