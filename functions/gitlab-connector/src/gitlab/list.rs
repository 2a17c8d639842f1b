//! A list of one owner: what every query of this program is made of.

use std::borrow::Cow;
use std::fmt;

use time::OffsetDateTime;

use crate::gitlab::gid;
use crate::gitlab::graphql::{Argument, Field, Selection};

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
    Row(RowKind, i64),
}

/// A kind of row that has lists of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RowKind {
    /// GitLab's field for one of them.
    pub field: &'static str,
    /// GitLab's name of the type, in ids too.
    pub name: &'static str,
    /// GitLab's type of its ids.
    pub id: &'static str,
}

/// Merge requests.
pub const MERGE_REQUEST: RowKind = RowKind {
    field: "mergeRequest",
    name: "MergeRequest",
    id: "MergeRequestID!",
};

/// Issues.
pub const ISSUE: RowKind = RowKind {
    field: "issue",
    name: "Issue",
    id: "IssueID!",
};

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
    pub field: Cow<'static, str>,
    pub arguments: Vec<(&'static str, Argument)>,
    pub range: Option<TimeRange>,
    pub rows: Rows,
    /// Whether its pages do not tell where the next one begins.
    pub is_without_end: bool,
    /// What is asked of each row; nothing: only whether there is one.
    pub nodes: Selection,
    /// What is asked of the owner itself.
    pub beside: Selection,
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.field, self.owner.name())
    }
}

impl Connection {
    /// A list, of which a whole page of ids is asked for.
    pub fn new(owner: Owner, field: impl Into<Cow<'static, str>>) -> Self {
        Self {
            owner,
            field: field.into(),
            arguments: Vec::new(),
            range: None,
            rows: Rows::Page {
                first: crate::gitlab::cost::LARGEST_PAGE,
                after: None,
            },
            is_without_end: false,
            nodes: Selection::default(),
            beside: Selection::default(),
        }
    }

    /// A list that is not gone on with: its page only tells whether there is more, which costs less.
    pub fn without_end(mut self) -> Self {
        self.is_without_end = true;
        self
    }

    /// No list at all: only what [`Self::beside`] asks of the owner.
    pub fn of_owner(owner: Owner) -> Self {
        Self::new(owner, "").first(1)
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

    /// The same, unless its rows are named.
    pub fn first_if_paged(self, first: u32) -> Self {
        if self.is_named() { self } else { self.first(first) }
    }

    /// Whether its rows are named.
    pub fn is_named(&self) -> bool {
        matches!(self.rows, Rows::Named { .. })
    }

    /// From this cursor on.
    pub fn after(mut self, cursor: Option<String>) -> Self {
        if let Rows::Page { after, .. } = &mut self.rows {
            *after = cursor;
        }
        self
    }

    /// The cursor that it is asked from.
    pub fn place(&self) -> Option<String> {
        match &self.rows {
            Rows::Page { after, .. } => after.clone(),
            Rows::Named { .. } => None,
        }
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
        let mut field = Field::new(self.field.clone());
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
                below = Selection::parse(match self.is_without_end {
                    true => "pageInfo { hasNextPage }",
                    false => "pageInfo { hasNextPage endCursor }",
                });
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
        Selection(vec![rows]).write(&self.field).0
    }

    /// What tells its rows apart, of what is asked anyway.
    pub fn identity(&self) -> Selection {
        let names = ["id", "iid", "fullPath", "webUrl"];
        let known = names.into_iter().filter(|name| self.nodes.has(name));
        Selection(known.map(Field::new).collect())
    }
}
