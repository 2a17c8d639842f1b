//! What GitLab gave of a list.

use serde_json::Value as Json;

/// What GitLab gave of a list.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Its rows, without those that are null.
    pub nodes: Vec<Json>,
    /// Whether there is more.
    pub has_next: bool,
    /// Where it goes on; GitLab makes no cursor from a page of which the token may see nothing.
    pub end: Option<String>,
    /// The owner's own fields that were asked for.
    pub owner: Json,
    /// Whether GitLab gave null instead of a list: it does not offer it here, or not to this token.
    pub is_null: bool,
    /// What is missing because GitLab fails at it.
    pub left_out: Vec<LeftOut>,
}

/// A row, or a field of one, at which GitLab keeps failing.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftOut {
    /// What tells the row apart, such as `id`, `iid` and `webUrl`.
    pub row: Json,
    /// The field, which is null then; `None`: the whole row.
    pub field: Option<String>,
    /// What GitLab said.
    pub error: String,
}

impl LeftOut {
    /// As people name it: by its address, where that is known.
    pub fn name(&self) -> String {
        let names = ["webUrl", "fullPath", "id", "iid"];
        let name = names.iter().find_map(|name| self.row[*name].as_str());
        let of = self.row["of"].as_str();
        let name = match (name, of) {
            (Some(name), Some(of)) => format!("{name} of {of}"),
            (name, _) => name.unwrap_or("a row").to_owned(),
        };
        match &self.field {
            Some(field) => format!("{field} of {name}"),
            None => name,
        }
    }
}

impl Page {
    /// From a connection as GitLab gave it.
    pub fn of(mut connection: Json) -> Self {
        let info = connection.get_mut("pageInfo").map(Json::take).unwrap_or_default();
        let nodes = match connection.get_mut("nodes").map(Json::take) {
            Some(Json::Array(nodes)) => nodes,
            _ => Vec::new(),
        };
        Self {
            nodes: nodes.into_iter().filter(|node| !node.is_null()).collect(),
            has_next: info["hasNextPage"] == true,
            end: info["endCursor"].as_str().map(ToOwned::to_owned),
            is_null: connection.is_null(),
            ..Self::default()
        }
    }

    /// Where the next page begins, if there is one and GitLab says where.
    pub fn next(&self) -> Option<String> {
        self.end.clone().filter(|_| self.has_next)
    }

    /// Whether GitLab says that there is more, but not where.
    pub fn is_dead_end(&self) -> bool {
        self.has_next && self.end.is_none()
    }

    /// Adds what another part of the same list holds, which comes after it.
    pub fn append(&mut self, mut later: Self) {
        self.nodes.append(&mut later.nodes);
        self.left_out.append(&mut later.left_out);
        (self.has_next, self.end) = (later.has_next, later.end);
        self.is_null |= later.is_null;
        if self.owner.is_null() {
            self.owner = later.owner;
        }
    }
}
