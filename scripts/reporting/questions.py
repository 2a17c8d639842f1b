"""What the report asks the marts. Each question is one query; {dataset} is the modelled dataset."""

WEEKS = 13  # A quarter: what a team remembers.

# What a week holds in which nothing ended or ran.
BLANK_WEEKS = {
    "cycle_time": {"ended": 0, "to_first_review": 0, "in_review": 0, "to_merge": 0, "without_review": 0, "median_hours": None},
    "pipelines": {"finished": 0, "failed": 0},
}

QUESTIONS = {
    # Mean hours, because the means of the parts add up to the mean of the whole; the median stands beside it.
    "cycle_time": """
        with merged as (
            select
                times.*,
                date_sub(
                    extract(date from times.end_at), interval mod(extract(dayofweek from extract(date from times.end_at)) + 5, 7) day
                ) as week
            from {dataset}.cycle_time_view as times
            inner join {dataset}.dim_merge_requests as merge_requests
                on times.mr_id = merge_requests.merge_request_id
            where merge_requests.state = 'merged' and times.end_at >= timestamp_sub(current_timestamp(), interval {days} day)
        )

        select
            week,
            count(*) as ended,
            avg(coalesce(hours_to_first_review, 0)) as to_first_review,
            avg(coalesce(hours_in_review, 0)) as in_review,
            avg(coalesce(hours_to_merge, 0)) as to_merge,
            avg(coalesce(hours_without_review, 0)) as without_review,
            max(median_hours) as median_hours
        from (select *, percentile_cont(cycle_time_hours, 0.5) over (partition by week) as median_hours from merged)
        group by week
        order by week
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
}
