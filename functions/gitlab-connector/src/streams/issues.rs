//! `issues`: read by time of update, like merge requests.

use mergemind_shared::warehouse::Kind::{Bool, Date, Int64, Int64Array, String, StringArray, Timestamp};

use super::stream::{ChangedList, Fingerprint, Read, Shape, Stream, field, key};

/// The stream's name.
pub const NAME: &str = "issues";
/// GitLab's GraphQL field that lists them.
pub const LIST: &str = "issues";

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: NAME,
            description: "GitLab's issues, incidents and tasks.",
            version: Some("updated_at"),
            partition_by: Some("created_at"),
            cluster_by: &["project_id", "id"],
            node_type: Some("Issue"),
            selection: &[
                "id", "iid", "projectId", "title", "description", "state", "type", "author { id }",
                "assignees { nodes { id } }", "labels { nodes { id title } }", "milestone { id }", "confidential", "weight",
                "dueDate", "webUrl", "userNotesCount", "upvotes", "downvotes", "timeEstimate", "totalTimeSpent",
                "createdAt", "updatedAt", "closedAt",
            ],
            users: &["author_id", "assignee_ids"],
            read: Read::Changes(ChangedList::Issues),
            // A project that moved to another group and back has other labels and milestones of the same titles.
            fingerprint: Some(Fingerprint { columns: &["updated_at", "web_url", "user_notes_count", "labels", "label_ids", "milestone_id"], ask: "webUrl userNotesCount labels { nodes { id title } } milestone { id }" }),
            named_by: Some("issue_id"),
            refers: &[("milestone_id", "milestones")],
            ..Shape::default()
        },
        vec![
            field("id", Int64, "GitLab's id.", key),
            field("iid", Int64, "Number within the project, as in #42.", |n| n.int("iid")),
            field("project_id", Int64, "The project.", |n| n.int("projectId")),
            field("title", String, "Title.", |n| n.text("title")),
            field("description", String, "Description, in Markdown.", |n| n.text("description")),
            field("state", String, "opened or closed.", |n| n.word("state")),
            field("type", String, "Such as issue, incident or task.", |n| n.word("type")),
            field("author_id", Int64, "Who opened it.", |n| n.id("author.id")),
            field("assignee_ids", Int64Array, "Users it is assigned to.", |n| n.ids("assignees")),
            field("labels", StringArray, "Titles of its labels, sorted.", |n| n.texts("labels", "title")),
            field("label_ids", Int64Array, "Its labels.", |n| n.ids("labels")),
            field("milestone_id", Int64, "Its milestone.", |n| n.id("milestone.id")),
            field("confidential", Bool, "Whether only members can see it.", |n| n.bool("confidential")),
            field("weight", Int64, "Its weight; NULL on a GitLab without weights.", |n| n.int("weight")),
            field("due_date", Date, "When it is due.", |n| n.date("dueDate")),
            field("web_url", String, "Address.", |n| n.text("webUrl")),
            field("user_notes_count", Int64, "Comments by people.", |n| n.int("userNotesCount")),
            field("upvotes", Int64, "Thumbs up.", |n| n.int("upvotes")),
            field("downvotes", Int64, "Thumbs down.", |n| n.int("downvotes")),
            field("time_estimate_seconds", Int64, "Estimated work in seconds.", |n| n.int("timeEstimate")),
            field("time_spent_seconds", Int64, "Work reported in seconds.", |n| n.int("totalTimeSpent")),
            field("created_at", Timestamp, "When it was opened.", |n| n.time("createdAt")),
            field("updated_at", Timestamp, "When it last changed.", |n| n.time("updatedAt")),
            field("closed_at", Timestamp, "When it was closed.", |n| n.time("closedAt")),
        ],
    )
}
