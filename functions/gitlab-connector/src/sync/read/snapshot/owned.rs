//! Lists of what groups and projects own: who owns them, and how GitLab is asked for them.

use serde_json::Value as Json;

use crate::gitlab::{self, Argument, Connection, LeftOut, Page, Purpose, Selection};
use crate::streams::{GROUP, Node, OwnedList, PROJECT, Stream, groups};
use crate::sync::scope::Scope;
use crate::sync::session::Session;

/// Groups or projects in one request, each with up to 100 labels and milestones.
const AT_ONCE: u32 = 50;

/// Who owns labels and milestones.
#[derive(Clone, Copy)]
pub enum ListOwner {
    Group,
    Project,
}

impl ListOwner {
    /// The column that names it in what it owns.
    pub fn column(self) -> &'static str {
        match self {
            Self::Group => GROUP,
            Self::Project => PROJECT,
        }
    }

    /// The key under which an owned node finds its owner.
    pub fn key(self) -> &'static str {
        match self {
            Self::Group => "_groupId",
            Self::Project => "_projectId",
        }
    }

    /// GitLab lists the labels of a project's own group among the project's.
    pub fn owns(self, node: &Json) -> bool {
        let of_group = node["id"].as_str().is_some_and(|id| id.contains("/GroupLabel/"));
        matches!(self, Self::Group) || !of_group
    }
}

/// An owner, and the first page of each of its lists.
pub struct OwnerLists<'a> {
    pub node: Json,
    pub lists: Vec<(Owned<'a>, Result<Page, gitlab::Error>)>,
}

/// Owners on a list.
pub struct Listed<'a> {
    pub found: Vec<OwnerLists<'a>>,
    /// Those at which GitLab fails together with what they own.
    pub failing: Vec<i64>,
    /// Whether there are no others.
    pub is_whole: bool,
}

/// What is owned, and how it is listed.
pub type Owned<'a> = (&'a Stream, OwnedList);

/// Reads what groups and projects of a scope own.
pub struct Snapshot<'c, 'a> {
    pub session: &'c Session<'a>,
    pub scope: &'c Scope,
    /// Whether the ledger is told of the lists.
    pub is_entered: bool,
}

impl<'a> Snapshot<'_, 'a> {
    /// The lists that are synced.
    fn lists(&self) -> impl Iterator<Item = Owned<'a>> {
        let all = self.session.streams.owned();
        all.filter(|(stream, _)| self.session.on(stream.name()))
    }

    /// What is asked of an owner itself.
    fn fields(&self, kind: ListOwner) -> Selection {
        match kind {
            ListOwner::Group => self.session.fields(self.session.streams.named(groups::NAME)),
            ListOwner::Project => Selection::parse("id fullPath webUrl"),
        }
    }

    /// What an owner owns, without what groups above own.
    pub fn owned(&self, kind: ListOwner, (stream, owned): Owned<'_>, owner: gitlab::Owner) -> Connection {
        let connection = Connection::new(owner, owned.list)
            .nodes(self.session.fields(stream))
            .beside(self.fields(kind));
        let arguments = match kind {
            ListOwner::Group => owned.of_group,
            ListOwner::Project => &[],
        };
        arguments.iter().fold(connection, |connection, argument| {
            connection.with(argument, Argument::flag(true))
        })
    }

    /// All owners on a list, each with the first page of what it owns. Those at which GitLab fails together with that
    /// are asked for one by one.
    ///
    /// # Errors
    /// If GitLab fails at more than single owners.
    pub async fn all(&self, kind: ListOwner, list: Connection) -> Result<Listed<'a>, gitlab::Error> {
        let name = list.to_string();
        let mut node = self.fields(kind);
        for owned in self.lists() {
            let owned = self.owned(kind, owned, gitlab::Owner::GitLab);
            let first = self.session.client.limits.page_size(&owned);
            node = node.with(owned.first(first).to_field());
        }
        let is_named = list.is_named();
        let list = list.first_if_paged(AT_ONCE).nodes(node);
        let operation = if is_named { "DimensionsByIds" } else { "Dimensions" };
        let page = gitlab::all(self.session.client, &Purpose::new(groups::NAME, operation), list).await?;
        let is_whole = !page.is_null && !page.has_next;
        if !is_whole {
            let error = match page.is_null {
                true => gitlab::Error::Absent("the list is null".into()),
                false => gitlab::Error::dead_end(),
            };
            self.session.warn(self.scope, &name, &error.into());
        }
        let inner = |mut node: Json| OwnerLists {
            lists: self
                .lists()
                .map(|owned| (owned, Ok(Page::of(node[owned.1.list].take()))))
                .collect(),
            node,
        };
        let owner = |left_out: &LeftOut| match kind {
            ListOwner::Group => left_out.row["fullPath"]
                .as_str()
                .map(|path| gitlab::Owner::Group(path.to_owned())),
            ListOwner::Project => Node::new(&left_out.row).number("id").map(gitlab::Owner::Project),
        };
        let (failing, partly): (Vec<LeftOut>, Vec<LeftOut>) =
            page.left_out.into_iter().partition(|left_out| left_out.field.is_none());
        self.session.warn_left_out(self.scope, &partly);
        let mut found: Vec<OwnerLists<'_>> = page.nodes.into_iter().map(inner).collect();
        found.extend(
            self.one_by_one(kind, failing.iter().filter_map(owner).collect())
                .await?,
        );
        Ok(Listed {
            found,
            failing: failing
                .iter()
                .filter_map(|left_out| Node::new(&left_out.row).number("id"))
                .collect(),
            is_whole,
        })
    }

    /// These owners, with the first page of what they own; those that GitLab does not show are left out.
    ///
    /// # Errors
    /// If GitLab fails at more than single owners.
    pub async fn one_by_one(
        &self,
        kind: ListOwner,
        owners: Vec<gitlab::Owner>,
    ) -> Result<Vec<OwnerLists<'a>>, gitlab::Error> {
        let mut asked: Vec<Connection> = Vec::new();
        for owner in &owners {
            asked.push(Connection::of_owner(owner.clone()).beside(self.fields(kind)));
            asked.extend(self.lists().map(|owned| self.owned(kind, owned, owner.clone())));
        }
        let mut pages = gitlab::fetch(self.session.client, &Purpose::new(groups::NAME, "Dimension"), asked)
            .await?
            .into_iter();
        let mut found = Vec::new();
        for owner in owners {
            let itself = pages.next();
            let lists = self.lists().zip(pages.by_ref()).collect();
            match itself {
                Some(Ok(page)) => found.push(OwnerLists {
                    node: page.owner,
                    lists,
                }),
                Some(Err(gitlab::Error::ScopeNotFound(_))) | None => {}
                Some(Err(error)) => {
                    let what = format!("labels and milestones of {}", owner.name());
                    self.session.warn(self.scope, &what, &error.into());
                }
            }
        }
        Ok(found)
    }
}
