"""What is assumed of a warehouse whose bytes are reckoned: rows of each table for each merge request, and bytes of values."""

from __future__ import annotations

import re

# Rows for each merge request. What is missing here has one.
ROWS = {
    # Raw tables.
    "mr_notes": 10, "pipelines": 4, "mr_reviewers": 1.5, "mr_approvals": 1, "mr_assignees": 1, "mr_labels": 2, "issues": 1,
    "projects": 1 / 500, "users": 1 / 200, "groups": 1 / 5_000, "labels": 1 / 200, "milestones": 1 / 500,
    "_cursors": 1 / 1_000, "_ledger": 1 / 50, "_rejected": 0,
    # Intermediate tables: per note, per review, per move, per pipeline.
    "int_note_kinds": 10, "int_review_events": 3, "int_review_requests": 1, "int_merge_request_moves": 8,
    "int_merge_request_states": 2, "int_pipeline_merge_requests": 4, "int_project_scopes": 1 / 125, "int_users": 1 / 200,
    # Marts.
    "fct_pipelines": 4, "fct_comments": 4, "fct_reviews": 2, "fct_issues": 1, "dim_projects": 1 / 500, "dim_users": 1 / 200,
    "dim_groups": 1 / 5_000, "agg_project_weekly": 1 / 20, "agg_reviewer_load": 1 / 10, "co_review_graph": 1 / 20,
    "agg_flow_weekly": 1 / 20, "agg_work_in_progress_weekly": 1 / 20, "agg_work_in_progress_daily": 1 / 2, "completeness": 1 / 50, "dim_date": 0,
}
# Bytes of a text, UTF-8, without the two that BigQuery adds. What is missing here has SHORT_TEXT.
TEXTS = {
    "body": 200, "description": 1_000, "title": 60, "web_url": 80, "ref": 30, "source_branch": 30, "sha": 40, "head_sha": 40,
    "merge_commit_sha": 40, "commit_sha": 40, "project_path": 30, "full_path": 30, "scope_path": 20, "name_with_namespace": 40, "cursor": 2_000,
}
SHORT_TEXT = 10
# Members of an array.
MEMBERS = 1.5
# Part of the rows in which a column has a value; NULL has no bytes. What is missing here always has one.
PRESENT = {
    "closed_at": 0.1, "named_usernames": 0.15, "named_user_ids": 0.15, "merge_request_iid": 0.5, "resolved_at": 0.1, "milestone_id": 0.3,
    "milestone_title": 0.3, "assignee_id": 0.7,
}
# Which part of the rows has which word, in columns that tables are clustered by first. All others are ids.
SHARES = {
    "kind": {
        "comment": 0.4, "approval": 0.08, "unapproval": 0.01, "change_request": 0.02, "review_request": 0.1, "review_request_removed": 0.01,
        "approvals_reset": 0.01, "push": 0.15, "draft": 0.02, "ready": 0.02, "closed": 0.01, "reopened": 0.01, "merged": 0.01, "deleted": 0.01, "other": 0.14,
    },
}
# Columns of which every month has all values; ids of all others grow with time.
SPREAD = {"kind", "project_id", "scope_type", "reviewer_id", "author_id"}
# BigQuery's sizes of types: https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#data_type_sizes
FIXED = {"INT64": 8, "FLOAT64": 8, "TIMESTAMP": 8, "DATETIME": 8, "DATE": 8, "TIME": 8, "BOOL": 1, "NUMERIC": 16}

# How long the history is, evenly filled.
MONTHS = 60
# The part of the merge requests that changed before a build, and in how many of the newest months they are.
CHANGED, CHANGED_MONTHS = 0.01, 3
TEMPORARY = re.compile(r"__dbt_tmp\d*$")
# What a filter on a leading cluster column still reads of a table or partition, in bytes of whole rows. Google says no size of a block; it says
# that clustering is of use from 64 MB on: https://cloud.google.com/bigquery/docs/clustered-tables
BLOCK = 64_000_000
# What each table that a statement reads is billed for at least.
LEAST = 10 * 1024 * 1024


def rows(table: str, merge_requests: int, changed: float = CHANGED) -> float:
    """Rows of a table, by its name without dataset. Of the rows that dbt is about to merge into one, which it keeps in a table of that name with
    `__dbt_tmp` behind, there are `changed` times as many."""
    whole = TEMPORARY.sub("", table)
    return ROWS.get(whole, 1) * merge_requests * (changed if whole != table else 1)


def width(column: str, kind: str) -> float:
    """Bytes of a column in a row, on average. `kind` is BigQuery's name of the type."""
    if kind.startswith("ARRAY<"):
        return MEMBERS * width("", kind[6:-1]) * PRESENT.get(column, 1)
    size = FIXED.get(kind, 2 + TEXTS.get(column, SHORT_TEXT))
    return size * PRESENT.get(column, 1)
