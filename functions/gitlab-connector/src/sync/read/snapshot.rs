//! Groups, labels and milestones: read whole from time to time, and when a row refers to one that is not
//! there. GitLab cannot list only those that changed.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use mergemind_shared::warehouse::{SoftDelete, Within};

use crate::gitlab::{self, Argument, Connection, LeftOut, Page, Purpose, Selection};
use crate::streams::{GROUP, Node, OwnedList, PROJECT, Stream, groups, projects};
use crate::sync::error::Error;
use crate::sync::read::ancestors;
use crate::sync::read::nodes::{complete, host_of};
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::session::Session;
use crate::sync::state::SnapshotState;

/// Groups or projects in one request, each with up to 100 labels and milestones.
const AT_ONCE: u32 = 50;

/// Who owns labels and milestones.
#[derive(Clone, Copy)]
enum ListOwner {
    Group,
    Project,
}

impl ListOwner {
    fn column(self) -> &'static str {
        match self {
            Self::Group => GROUP,
            Self::Project => PROJECT,
        }
    }

    /// The key under which an owned node finds its owner.
    fn key(self) -> &'static str {
        match self {
            Self::Group => "_groupId",
            Self::Project => "_projectId",
        }
    }

    /// GitLab lists the labels of a project's own group among the project's.
    fn owns(self, node: &Json) -> bool {
        let of_group = node["id"].as_str().is_some_and(|id| id.contains("/GroupLabel/"));
        matches!(self, Self::Group) || !of_group
    }
}

/// What was seen of all owners: the rest of what they owned is gone.
#[derive(Default)]
struct SeenRows(BTreeMap<(&'static str, &'static str), SeenOwned>);

/// Owners, and what they own.
#[derive(Default)]
struct SeenOwned {
    owners: Vec<i64>,
    present: Vec<i64>,
}

impl SeenRows {
    fn add(&mut self, stream: &'static str, owner: ListOwner, id: i64, present: Vec<i64>) {
        let owned = self.0.entry((stream, owner.column())).or_default();
        owned.owners.push(id);
        owned.present.extend(present);
    }

    fn soft_delete_into<'a>(self, session: &Session<'a>, rows: &mut Rows<'a>) {
        for ((stream, column), SeenOwned { owners, present }) in self.0 {
            rows.soft_deletes.push(SoftDelete {
                table: &session.streams.named(stream).table,
                within: vec![Within::OneOf(column, owners)],
                present,
            });
        }
    }
}

/// Reads all of a scope in one step: there are few of them.
///
/// # Errors
/// If GitLab still fails after retries; nothing of the step is committed then.
pub async fn step<'a>(
    session: &Session<'a>,
    scope: &Scope,
    state: &SnapshotState,
) -> Result<(Rows<'a>, SnapshotState), Error> {
    let mut rows = Rows::default();
    let mut seen = SeenRows::default();
    let snapshot = Snapshot { session, scope };
    match scope {
        Scope::Group(path) => {
            let of_scope = gitlab::Owner::Group(path.clone());
            let mut found = snapshot.one_by_one(ListOwner::Group, vec![of_scope.clone()]).await?;
            if found.is_empty() {
                return Err(gitlab::Error::ScopeNotFound(scope.to_string()).into());
            }
            let below = Connection::new(of_scope.clone(), "descendantGroups");
            let below = snapshot.all(ListOwner::Group, below).await?;
            found.extend(below.found);
            let shown = found.iter().filter_map(|group| Node::new(&group.node).number("id"));
            // What GitLab fails at is there.
            let present = shown.chain(below.failing).collect();
            for group in &found {
                rows.map(session.streams.named(groups::NAME), &group.node);
            }
            snapshot.take(ListOwner::Group, found, &mut rows, &mut seen).await?;
            if below.is_whole {
                rows.soft_deletes.push(SoftDelete {
                    table: &session.streams.named(groups::NAME).table,
                    within: vec![Within::Below("full_path", path.clone())],
                    present,
                });
            }
            let list = Connection::new(of_scope, projects::LIST).with_all_below();
            let found = snapshot.all(ListOwner::Project, list).await?.found;
            snapshot.take(ListOwner::Project, found, &mut rows, &mut seen).await?;
        }
        Scope::Projects(named) => {
            let list =
                Connection::new(gitlab::Owner::GitLab, projects::LIST).ids("Project", named.paths.keys().copied());
            let found = snapshot.all(ListOwner::Project, list).await?.found;
            snapshot.take(ListOwner::Project, found, &mut rows, &mut seen).await?;
        }
    }
    ancestors::add(session, scope, &mut rows).await?;
    seen.soft_delete_into(session, &mut rows);
    let began = session.instance.at;
    let next = SnapshotState {
        complete_until: Some(state.complete_until.map_or(began, |before| before.max(began))),
    };
    Ok((rows, next))
}

/// An owner, and the first page of each of its lists.
struct OwnerLists<'a> {
    node: Json,
    lists: Vec<(Owned<'a>, Result<Page, gitlab::Error>)>,
}

/// Owners on a list.
struct Listed<'a> {
    found: Vec<OwnerLists<'a>>,
    /// Those at which GitLab fails together with what they own.
    failing: Vec<i64>,
    /// Whether there are no others.
    is_whole: bool,
}

/// What is owned, and how it is listed.
type Owned<'a> = (&'a Stream, OwnedList);

struct Snapshot<'c, 'a> {
    session: &'c Session<'a>,
    scope: &'c Scope,
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
    fn owned(&self, kind: ListOwner, (stream, owned): Owned<'_>, owner: gitlab::Owner) -> Connection {
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
    async fn all(&self, kind: ListOwner, list: Connection) -> Result<Listed<'a>, gitlab::Error> {
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
    async fn one_by_one(
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

    /// Maps what groups or projects own; what did not fit is read page by page.
    async fn take(
        &self,
        kind: ListOwner,
        found: Vec<OwnerLists<'a>>,
        rows: &mut Rows<'a>,
        seen: &mut SeenRows,
    ) -> Result<(), gitlab::Error> {
        let (mut owned, mut open) = (Vec::new(), Vec::new());
        for OwnerLists { node, lists } in found {
            let path = node["fullPath"].as_str().unwrap_or_default();
            if matches!(kind, ListOwner::Project) && self.session.options.excludes(path) {
                continue;
            }
            for (list, page) in lists {
                if let Some(after) = page.as_ref().ok().and_then(Page::next) {
                    let owner = match kind {
                        ListOwner::Group => node["fullPath"]
                            .as_str()
                            .map(|path| gitlab::Owner::Group(path.to_owned())),
                        ListOwner::Project => Node::new(&node).number("id").map(gitlab::Owner::Project),
                    };
                    open.extend(owner.map(|owner| (owned.len(), self.owned(kind, list, owner).after(Some(after)))));
                }
                owned.push((node.clone(), list, page));
            }
        }
        let lists = open.iter().map(|(_, list)| list.clone()).collect();
        let rest = gitlab::all_of(self.session.client, &Purpose::new(groups::NAME, "Owned"), lists).await?;
        for ((place, _), rest) in open.into_iter().zip(rest) {
            match (&mut owned[place].2, rest) {
                (Ok(page), Ok(rest)) => page.append(rest),
                (page, Err(error)) => *page = Err(error),
                (Err(_), Ok(_)) => {}
            }
        }
        for (node, list, page) in owned {
            match page {
                Ok(page) => self.take_list(kind, &node, list, page, rows, seen),
                Err(error) => {
                    let what = format!("{} of {}", list.1.list, node["fullPath"].as_str().unwrap_or_default());
                    self.session.warn(self.scope, &what, &error.into());
                }
            }
        }
        Ok(())
    }

    fn take_list(
        &self,
        kind: ListOwner,
        node: &Json,
        (stream, _): Owned<'_>,
        page: Page,
        rows: &mut Rows<'a>,
        seen: &mut SeenRows,
    ) {
        self.session.warn_left_out(self.scope, &page.left_out);
        let Some(id) = Node::new(node).number("id") else {
            return;
        };
        let host = host_of(node["webUrl"].as_str().unwrap_or_default());
        // What GitLab fails at is there.
        let left_out = page
            .left_out
            .iter()
            .filter_map(|left_out| Node::new(&left_out.row).number("id"));
        let mut present: Vec<i64> = left_out.collect();
        for mut owned in page.nodes.into_iter().filter(|node| kind.owns(node)) {
            present.extend(Node::new(&owned).number("id"));
            owned[kind.key()] = node["id"].clone();
            complete(&host, &mut owned);
            rows.map(stream, &owned);
        }
        // A list that is not offered here, or not to this token, says nothing about what there is; nor does a part of one.
        if !page.is_null && !page.has_next {
            seen.add(stream.name(), kind, id, present);
        }
    }
}
