//! `merge_requests`: read by time of update, 100 in a request with everything a row needs.

use mergemind_shared::warehouse::Kind::{Bool, Int64, Int64Array, String, StringArray, Timestamp};

use super::stream::{ChangedList, Fingerprint, Read, Shape, Stream, field, key};

/// The stream's name.
pub const NAME: &str = "merge_requests";
/// GitLab's GraphQL field that lists them.
pub const LIST: &str = "mergeRequests";

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: NAME,
            description: "GitLab's merge requests, in the project that they are to be merged into.",
            version: Some("updated_at"),
            partition_by: Some("created_at"),
            cluster_by: &["project_id", "id"],
            node_type: Some("MergeRequest"),
            selection: &[
                "id", "iid", "projectId", "sourceProjectId", "title", "description",
                "state", "draft", "author { id }", "assignees { nodes { id } }", "reviewers { nodes { id mergeRequestInteraction { reviewState } } }",
                "approvedBy { nodes { id } }", "approved", "approvalsLeft", "approvalsRequired",
                "labels { nodes { id title } }", "milestone { id title }", "mergeUser { id }", "mergeCommitSha",
                "diffHeadSha", "diffStatsSummary { additions deletions fileCount }", "commitCount",
                "headPipeline { id status }", "userNotesCount", "userDiscussionsCount", "resolvableDiscussionsCount",
                "resolvedDiscussionsCount", "upvotes", "downvotes", "sourceBranch", "targetBranch", "conflicts",
                "detailedMergeStatus", "squashOnMerge", "autoMergeEnabled", "timeEstimate", "totalTimeSpent",
                "createdAt", "updatedAt", "preparedAt", "mergedAt", "closedAt", "webUrl",
            ],
            users: &[
                "author_id",
                "assignee_ids",
                "reviewer_ids",
                "approved_by_ids",
                "merge_user_id",
            ],
            read: Read::Changes(ChangedList::MergeRequests),
            // A project that moved to another group and back has other labels and milestones of the same titles.
            fingerprint: Some(Fingerprint { columns: &["updated_at", "web_url", "user_notes_count", "labels", "label_ids", "milestone_id", "head_pipeline_id", "last_pipeline_status"], ask: "webUrl userNotesCount labels { nodes { id title } } milestone { id } headPipeline { id status }" }),
            named_by: Some("merge_request_id"),
            refers: &[("milestone_id", "milestones")],
            ..Shape::default()
        },
        vec![
            field("id", Int64, "GitLab's id.", key),
            field("iid", Int64, "Number within the project, as in !42.", |n| n.int("iid")),
            field("project_id", Int64, "The target project.", |n| n.int("projectId")),
            field("title", String, "Title.", |n| n.text("title")),
            field("description", String, "Description, in Markdown.", |n| n.text("description")),
            field("state", String, "opened, closed, locked or merged.", |n| n.word("state")),
            field("author_id", Int64, "Who opened it; NULL if the account is gone.", |n| n.id("author.id")),
            field("assignee_id", Int64, "The first of assignee_ids; GitLab's Community Edition has one assignee at most.", |n| n.first_id("assignees")),
            field("created_at", Timestamp, "When it was opened.", |n| n.time("createdAt")),
            field("updated_at", Timestamp, "When it last changed, as GitLab counts: pipelines and approval rules do not move it.", |n| n.time("updatedAt")),
            field("merged_at", Timestamp, "When it was merged.", |n| n.time("mergedAt")),
            field("closed_at", Timestamp, "When it was closed without a merge.", |n| n.time("closedAt")),
            field("prepared_at", Timestamp, "When GitLab had worked out its differences.", |n| n.time("preparedAt")),
            field("source_branch", String, "The branch with the change.", |n| n.text("sourceBranch")),
            field("target_branch", String, "The branch to merge into.", |n| n.text("targetBranch")),
            field("source_project_id", Int64, "The project of the source branch; NULL if a fork was deleted.", |n| n.int("sourceProjectId")),
            field("web_url", String, "Address.", |n| n.text("webUrl")),
            field("additions", Int64, "Lines added.", |n| n.int("diffStatsSummary.additions")),
            field("deletions", Int64, "Lines removed.", |n| n.int("diffStatsSummary.deletions")),
            field("changed_files", Int64, "Files touched.", |n| n.int("diffStatsSummary.fileCount")),
            field("commit_count", Int64, "Commits.", |n| n.int("commitCount")),
            field("last_pipeline_status", String, "Status of the head pipeline, such as success or failed.", |n| n.word("headPipeline.status")),
            field("head_pipeline_id", Int64, "The newest pipeline of the head commit.", |n| n.id("headPipeline.id")),
            field("approvals_left", Int64, "Approvals still missing; NULL on a GitLab without approval rules.", |n| n.int("approvalsLeft")),
            field("approvals_required", Int64, "Approvals that the rules ask for; NULL on a GitLab without them.", |n| n.int("approvalsRequired")),
            field("approved", Bool, "GitLab's own verdict.", |n| n.bool("approved")),
            field("approved_by_ids", Int64Array, "Users whose approval stands.", |n| n.ids("approvedBy")),
            field("reviewer_ids", Int64Array, "Users asked for a review.", |n| n.ids("reviewers")),
            field("assignee_ids", Int64Array, "Users it is assigned to.", |n| n.ids("assignees")),
            field("draft", Bool, "Whether it is marked as a draft.", |n| n.bool("draft")),
            field("work_in_progress", Bool, "The older name of draft.", |n| n.bool("draft")),
            field("labels", StringArray, "Titles of its labels, sorted.", |n| n.texts("labels", "title")),
            field("label_ids", Int64Array, "Its labels.", |n| n.ids("labels")),
            field("milestone_id", Int64, "Its milestone.", |n| n.id("milestone.id")),
            field("milestone_title", String, "Its milestone's title.", |n| n.text("milestone.title")),
            field("merge_user_id", Int64, "Who merged it, or set it to merge by itself.", |n| n.id("mergeUser.id")),
            field("merge_commit_sha", String, "The merge commit.", |n| n.text("mergeCommitSha")),
            field("head_sha", String, "The newest commit of the source branch.", |n| n.text("diffHeadSha")),
            field("detailed_merge_status", String, "Why it can or can't be merged; the set of values grows with GitLab.", |n| n.word("detailedMergeStatus")),
            field("has_conflicts", Bool, "Whether it conflicts with the target branch.", |n| n.bool("conflicts")),
            field("squash_on_merge", Bool, "Whether its commits will become one.", |n| n.bool("squashOnMerge")),
            field("auto_merge_enabled", Bool, "Whether it will merge by itself.", |n| n.bool("autoMergeEnabled")),
            field("user_notes_count", Int64, "Comments by people.", |n| n.int("userNotesCount")),
            field("user_discussions_count", Int64, "Threads begun by people.", |n| n.int("userDiscussionsCount")),
            field("resolvable_discussions_count", Int64, "Threads that can be resolved.", |n| n.int("resolvableDiscussionsCount")),
            field("resolved_discussions_count", Int64, "Threads that are resolved.", |n| n.int("resolvedDiscussionsCount")),
            field("upvotes", Int64, "Thumbs up.", |n| n.int("upvotes")),
            field("downvotes", Int64, "Thumbs down.", |n| n.int("downvotes")),
            field("time_estimate_seconds", Int64, "Estimated work in seconds.", |n| n.int("timeEstimate")),
            field("time_spent_seconds", Int64, "Work reported in seconds.", |n| n.int("totalTimeSpent")),
        ],
    )
}
