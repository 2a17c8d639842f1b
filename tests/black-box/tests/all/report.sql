-- Marts as scripts/report asks them, with a few made-up rows. {d} is the dataset.
CREATE SCHEMA {d};
CREATE TABLE {d}.dim_projects AS SELECT 1 AS project_id, 'acme/api' AS project_path UNION ALL SELECT 2, 'acmeless/web';
CREATE TABLE {d}.dim_groups AS SELECT 1 AS group_id, 'acme' AS group_path;
CREATE TABLE {d}.dim_merge_requests AS
SELECT 1 AS merge_request_id, 11 AS merge_request_iid, 'merged' AS state, 'acme/api' AS project_path, 'Merged' AS title,
    'https://gitlab.example/acme/api/-/merge_requests/11' AS web_url, 'ann' AS author_username, TIMESTAMP '2026-01-05 10:00:00' AS inputs_synced_at
UNION ALL
SELECT 2, 12, 'merged', 'acme/api', 'Merged', 'https://gitlab.example/acme/api/-/merge_requests/12', 'ann', TIMESTAMP '2026-01-05 10:00:00'
UNION ALL
SELECT 3, 13, 'opened', 'acme/api', '<script>alert("x")</script>', 'javascript:alert(1)', NULL, TIMESTAMP '2026-01-05 11:00:00';
CREATE TABLE {d}.cycle_time_view AS
SELECT 1 AS mr_id, TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 30 DAY) AS end_at, FALSE AS is_author_bot, 13.0 AS cycle_time_hours, 3.0 AS hours_before_ready, 2.0 AS hours_to_first_review,
    5.0 AS hours_in_review, 3.0 AS hours_to_merge, CAST(NULL AS FLOAT64) AS hours_without_review
UNION ALL
SELECT 2, TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 10 DAY), FALSE, 41.0, 0.0, NULL, NULL, NULL, 41.0
UNION ALL
-- A bot's.
SELECT 2, TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 10 DAY), TRUE, 0.1, 0.0, NULL, NULL, NULL, 0.1;
CREATE TABLE {d}.fct_pipelines AS
SELECT TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 10 DAY) AS created_at, TRUE AS is_finished, TRUE AS is_failed
UNION ALL
SELECT TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 10 DAY), TRUE, FALSE
UNION ALL
SELECT TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 10 DAY), FALSE, FALSE
UNION ALL
SELECT CURRENT_TIMESTAMP(), TRUE, FALSE;
CREATE TABLE {d}.dim_users AS
SELECT 7 AS user_id, 'bo.<i>reviewer</i>' AS username, 2 AS open_review_requests_count;
CREATE TABLE {d}.agg_reviewer_load AS
SELECT 7 AS reviewer_id, CURRENT_DATE() AS week, 17 AS reviewed_mrs_count, 23 AS comments_count, 5 AS approvals_count;
CREATE TABLE {d}.merge_risk_features AS
SELECT 3 AS mr_id, 67.5 AS risk_score_rule, 'High' AS risk_label, 96.0 AS age_hours, TRUE AS last_pipeline_status_is_fail, 2 AS approvals_left,
    'XL' AS change_size_bucket, TRUE AS labels_sensitive, FALSE AS work_in_progress, TRUE AS has_conflicts, FALSE AS has_changes_requested,
    2 AS unresolved_discussions_count, TRUE AS is_merge_blocked;
CREATE TABLE {d}.agg_flow_weekly AS
SELECT scope_type, scope_path, DATE_SUB(DATE_TRUNC(CURRENT_DATE(), WEEK(MONDAY)), INTERVAL weeks WEEK) AS week, merged_count, 90.0 AS cycle_time_hours,
    10.0 AS hours_before_ready, 20.0 AS hours_to_first_review, 25.0 AS hours_in_review, 5.0 AS hours_to_merge, 30.0 AS hours_without_review,
    1 AS merged_without_review_count, 2 AS pushes_after_review_count, 0 AS reverts_count
FROM (SELECT 'all' AS scope_type, 'all' AS scope_path, 1 AS weeks, 5 AS merged_count UNION ALL SELECT 'group', 'acme', 1, 4 UNION ALL SELECT 'group', 'acme', 2, 2
    -- This week is not over, and the fifth before is not asked for, nor are projects.
    UNION ALL SELECT 'all', 'all', 0, 100 UNION ALL SELECT 'all', 'all', 5, 100 UNION ALL SELECT 'project', 'acme/api', 1, 4);
CREATE TABLE {d}.agg_work_in_progress_weekly AS
SELECT scope_type, scope_id, scope_path, DATE_SUB(DATE_TRUNC(CURRENT_DATE(), WEEK(MONDAY)), INTERVAL weeks WEEK) AS week, open_count,
    30.0 AS median_age_hours, 480.0 AS longest_age_hours
FROM (SELECT 'all' AS scope_type, 0 AS scope_id, 'all' AS scope_path, 0 AS weeks, 9 AS open_count UNION ALL SELECT 'group', 1, 'acme', 0, 4
    UNION ALL SELECT 'group', 1, 'acme', weeks, 5 + weeks FROM UNNEST([1, 2, 3, 4]) AS weeks UNION ALL SELECT 'project', 1, 'acme/api', 0, 4);
CREATE TABLE {d}.fct_merge_requests AS
SELECT project_id, FALSE AS is_author_bot, TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 10 DAY) AS created_at, CURRENT_TIMESTAMP() AS ready_at,
    reviewed AS first_review_at, reviewed AS approved_at, is_merged
FROM (SELECT 1 AS project_id, CURRENT_TIMESTAMP() AS reviewed, TRUE AS is_merged UNION ALL SELECT 1, NULL, TRUE UNION ALL SELECT 2, NULL, FALSE UNION ALL SELECT 2, NULL, TRUE)
UNION ALL
SELECT 1, TRUE, CURRENT_TIMESTAMP(), NULL, NULL, NULL, TRUE;
CREATE TABLE {d}.agg_dora_weekly AS
SELECT 'all' AS scope_type, DATE_SUB(DATE_TRUNC(CURRENT_DATE(), WEEK(MONDAY)), INTERVAL 2 WEEK) AS week, 7 AS releases_count, 2 AS failed_releases_count;
CREATE TABLE {d}.fct_deployments AS
SELECT 1 AS project_id, TRUE AS is_release, TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL days DAY) AS finished_at, is_failed AS is_failed_release
FROM (SELECT 3 AS days, FALSE AS is_failed UNION ALL SELECT 4, TRUE UNION ALL SELECT 30, FALSE UNION ALL SELECT 31, FALSE UNION ALL SELECT 32, FALSE UNION ALL SELECT 33, FALSE);
CREATE TABLE {d}.fct_changes AS
SELECT 1 AS project_id, 1 AS deployment_id, FALSE AS is_author_bot, TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 10 DAY) AS created_at,
    TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 3 DAY) AS deployed_at, CAST(NULL AS FLOAT64) AS hours_from_first_commit_to_deployment, hours AS hours_from_merge_to_deployment
FROM (SELECT 13.0 AS hours UNION ALL SELECT 17.0 UNION ALL SELECT 90.0);
CREATE TABLE {d}.fct_incidents AS
SELECT 1 AS project_id, TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 3 DAY) AS restored_at, 6.0 AS hours_to_restore, FALSE AS is_deleted
