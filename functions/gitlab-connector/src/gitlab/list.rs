//! A list of one owner: what every query of this program is made of.

use serde_json::Value as Json;
use time::OffsetDateTime;

use super::graphql::{Argument, Field, Selection};

/// Whose list it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// GitLab's own.
    GitLab,
    /// A group's, by its full path.
    Group(String),
    /// A project's, by its full path, which changes when it moves.
    ProjectAt(String),
    /// A project's, by its id, which never changes.
    Project(i64),
    /// A merge request's or an issue's, by its id.
    Row(&'static RowKind, i64),
}

/// A kind of row that has lists of its own.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct RowKind {
    /// GitLab's field for one of them.
    pub field: &'static str,
    /// GitLab's name of the type, in ids too.
    pub name: &'static str,
    /// GitLab's type of its ids.
    pub id: &'static str,
}

/// The kinds of rows.
pub const ROW_KINDS: [RowKind; 2] = [
    RowKind {
        field: "mergeRequest",
        name: "MergeRequest",
        id: "MergeRequestID!",
    },
    RowKind {
        field: "issue",
        name: "Issue",
        id: "IssueID!",
    },
];

impl Owner {
    /// As people name it.
    pub fn name(&self) -> String {
        match self {
            Self::GitLab => "GitLab".into(),
            Self::Group(path) => format!("group:{path}"),
            Self::ProjectAt(path) => format!("project:{path}"),
            Self::Project(id) => format!("project:{id}"),
            Self::Row(kind, id) => format!("{}:{id}", kind.field),
        }
    }
}

/// GitLab's id of a thing.
pub fn gid(kind: &str, id: i64) -> String {
    format!("gid://gitlab/{kind}/{id}")
}

/// Which rows of a list are asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Rows {
    /// Those with these ids or numbers; `argument` is `ids` or `iids`. Without any name nothing is asked: GitLab takes
    /// an empty list for none, and would give every row there is.
    Named { argument: &'static str, names: Vec<String> },
    /// A page: so many at most, after this cursor.
    Page { first: u32, after: Option<String> },
}

/// Bounds of a list in time, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeRange {
    pub by: By,
    pub from: Option<OffsetDateTime>,
    pub until: Option<OffsetDateTime>,
}

/// What bounds a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The time of update, which also orders the list.
    Updated,
    /// The time of creation, which also orders the list.
    Created,
    /// The time of update, in an order of GitLab's own.
    UpdatedOnly,
}

/// One list of one owner.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    pub owner: Owner,
    /// GitLab's field that holds it.
    pub field: &'static str,
    pub arguments: Vec<(&'static str, Argument)>,
    pub range: Option<TimeRange>,
    pub rows: Rows,
    /// What is asked of each row; nothing: only whether there is one.
    pub nodes: Selection,
    /// What is asked of the owner itself.
    pub beside: Selection,
}

impl Connection {
    /// A list, of which a whole page of ids is asked for.
    pub fn new(owner: Owner, field: &'static str) -> Self {
        Self {
            owner,
            field,
            arguments: Vec::new(),
            range: None,
            rows: Rows::Page {
                first: super::cost::LARGEST_PAGE,
                after: None,
            },
            nodes: Selection::default(),
            beside: Selection::default(),
        }
    }

    /// With this argument.
    pub fn with(mut self, name: &'static str, value: Argument) -> Self {
        self.arguments.push((name, value));
        self
    }

    /// With all that is below a group; nothing else has anything below it.
    pub fn with_all_below(self) -> Self {
        if !matches!(self.owner, Owner::Group(_)) {
            return self;
        }
        self.with("includeSubgroups", Argument::flag(true))
            .with("includeArchived", Argument::flag(true))
    }

    /// Within these bounds.
    pub fn within(mut self, by: By, from: Option<OffsetDateTime>, until: Option<OffsetDateTime>) -> Self {
        self.range = Some(TimeRange { by, from, until });
        self
    }

    /// Of each row these fields.
    pub fn nodes(mut self, nodes: Selection) -> Self {
        self.nodes = nodes;
        self
    }

    /// Of the owner these fields.
    pub fn beside(mut self, fields: Selection) -> Self {
        self.beside = fields;
        self
    }

    /// At most so many rows at once.
    pub fn first(mut self, first: u32) -> Self {
        let after = match self.rows {
            Rows::Page { after, .. } => after,
            Rows::Named { .. } => None,
        };
        self.rows = Rows::Page { first, after };
        self
    }

    /// From this cursor on.
    pub fn after(mut self, cursor: Option<String>) -> Self {
        if let Rows::Page { after, .. } = &mut self.rows {
            *after = cursor;
        }
        self
    }

    /// The things of this kind with these ids.
    pub fn ids(mut self, kind: &str, ids: impl IntoIterator<Item = i64>) -> Self {
        let names = ids.into_iter().map(|id| gid(kind, id)).collect();
        self.rows = Rows::Named { argument: "ids", names };
        self
    }

    /// The rows with these numbers; naming them makes them free in GitLab's score.
    pub fn iids(mut self, iids: impl IntoIterator<Item = i64>) -> Self {
        let names = iids.into_iter().map(|iid| iid.to_string()).collect();
        self.rows = Rows::Named {
            argument: "iids",
            names,
        };
        self
    }

    /// The field to ask for.
    pub fn to_field(&self) -> Field {
        let mut field = Field::new(self.field);
        for (name, value) in &self.arguments {
            field = field.with(name, value.clone());
        }
        if let Some(range) = &self.range {
            let (from, until, sort) = match range.by {
                By::Updated => ("updatedAfter", "updatedBefore", Some("UPDATED_ASC")),
                By::UpdatedOnly => ("updatedAfter", "updatedBefore", None),
                By::Created => ("createdAfter", "createdBefore", Some("CREATED_ASC")),
            };
            for (name, at) in [(from, range.from), (until, range.until)] {
                if let Some(at) = at {
                    field = field.with(name, Argument::time(at));
                }
            }
            if let Some(sort) = sort {
                field = field.with("sort", Argument::word(sort));
            }
        }
        let mut below = Selection::default();
        match &self.rows {
            Rows::Named { argument, names } if *argument == "iids" => {
                field = field.with("iids", Argument::texts(names));
            }
            Rows::Named { argument, names } => {
                let first = u32::try_from(names.len()).unwrap_or(u32::MAX);
                field = field
                    .with(argument, Argument::ids(names))
                    .with("first", Argument::number(first));
            }
            Rows::Page { first, after } => {
                field = field.with("first", Argument::number(*first));
                if let Some(after) = after {
                    field = field.with("after", Argument::text(after));
                }
                below = Selection::parse("pageInfo { hasNextPage endCursor }");
            }
        }
        if !self.nodes.0.is_empty() {
            below = below.with(Field::new("nodes").of(self.nodes.clone()));
        }
        field.of(below)
    }

    /// Its field and what is asked of its rows: what its pages cost GitLab.
    pub fn shape(&self) -> String {
        let rows = Field::new("nodes").of(self.nodes.clone());
        Selection(vec![rows]).write(self.field).0
    }

    /// What tells its rows apart, of what is asked anyway.
    pub fn identity(&self) -> Selection {
        let names = ["id", "iid", "fullPath", "webUrl"];
        let known = names.into_iter().filter(|name| self.nodes.has(name));
        Selection(known.map(Field::new).collect())
    }
}

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
        let names = ["webUrl", "fullPath", "id"];
        let name = names
            .iter()
            .find_map(|name| self.row[*name].as_str())
            .unwrap_or("a row");
        match &self.field {
            Some(field) => format!("{field} of {name}"),
            None => name.to_owned(),
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
