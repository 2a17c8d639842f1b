//! `users`: those that rows of other streams refer to, fetched before those rows are written.

use mergemind_shared::warehouse::Kind::{Bool, Date, Int64, String, Timestamp};

use super::stream::{Read, Shape, Stream, field, key};

/// The stream's name.
pub const NAME: &str = "users";
/// GitLab's GraphQL field that lists them.
pub const LIST: &str = "users";

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: NAME,
            description: "GitLab's users, as far as other rows refer to them.",
            cluster_by: &["id"],
            node_type: Some("UserCore"),
            selection: &[
                "id", "username", "name", "publicEmail", "state", "bot", "webUrl", "createdAt", "lastActivityOn",
            ],
            read: Read::Referenced,
            ..Shape::default()
        },
        vec![
            field("id", Int64, "GitLab's id.", key),
            field("username", String, "Name with which people are mentioned.", |n| n.text("username")),
            field("name", String, "Full name.", |n| n.text("name")),
            field("public_email", String, "E-mail address, if the user shows one.", |n| n.text("publicEmail")),
            field("state", String, "Such as active, blocked or deactivated.", |n| n.word("state")),
            field("bot", Bool, "Whether this is an access token or another machine.", |n| n.bool("bot")),
            field("web_url", String, "Address of the profile.", |n| n.text("webUrl")),
            field("created_at", Timestamp, "When the account was made; NULL where the token may not see it.", |n| n.time("createdAt")),
            field("last_activity_on", Date, "Day of the last activity; NULL where the token may not see it.", |n| n.date("lastActivityOn")),
        ],
    )
}
