-- Marts as scripts/report asks them, with a few made-up rows. {d} is the dataset.
CREATE SCHEMA {d};
CREATE TABLE {d}.dim_projects AS SELECT 1 AS project_id;
CREATE TABLE {d}.dim_merge_requests AS
SELECT 1 AS merge_request_id, 11 AS merge_request_iid, 'merged' AS state, 'acme/api' AS project_path, 'Merged' AS title,
    'https://gitlab.example/acme/api/-/merge_requests/11' AS web_url, 'ann' AS author_username, TIMESTAMP '2026-01-05 10:00:00' AS inputs_synced_at
UNION ALL
SELECT 2, 12, 'merged', 'acme/api', 'Merged', 'https://gitlab.example/acme/api/-/merge_requests/12', 'ann', TIMESTAMP '2026-01-05 10:00:00'
UNION ALL
SELECT 3, 13, 'opened', 'acme/api', '<script>alert("x")</script>', 'javascript:alert(1)', NULL, TIMESTAMP '2026-01-05 11:00:00';
CREATE TABLE {d}.cycle_time_view AS
SELECT 1 AS mr_id, TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 30 DAY) AS end_at, 10.0 AS cycle_time_hours, 2.0 AS hours_to_first_review,
    5.0 AS hours_in_review, 3.0 AS hours_to_merge, CAST(NULL AS FLOAT64) AS hours_without_review
UNION ALL
SELECT 2, TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 10 DAY), 41.0, NULL, NULL, NULL, 41.0;
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
    'XL' AS change_size_bucket, TRUE AS labels_sensitive, FALSE AS work_in_progress
