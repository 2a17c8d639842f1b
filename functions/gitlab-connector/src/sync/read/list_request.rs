//! Pages of a list of merge requests or issues: how GitLab is asked for them.

use time::OffsetDateTime;

use crate::gitlab::{self, Argument, By, Connection, Owner, Page, Purpose, Selection};
use crate::sync::list::List;
use crate::sync::read::nodes::selection;
use crate::sync::scope::Scope;
use crate::sync::session::{IDS, Session};

/// Which rows of a list, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// Those updated within bounds, in the order of their updates.
    Updated,
    /// Those that are open, oldest first.
    Open,
    /// The ids of all that were created since a time, oldest first, with what they are compared by.
    Ids,
    /// The same, with their times of update alone, which costs least.
    Times,
}

/// Bounds of a list, both inclusive; GitLab takes fractions of seconds although it prints none.
#[derive(Clone, Debug, Default)]
pub struct PageBounds {
    /// GitLab's cursor.
    pub after: Option<String>,
    /// The lower bound: time of update, or of creation for [`ListKind::Ids`] and [`ListKind::Times`].
    pub from: Option<OffsetDateTime>,
    /// The upper bound.
    pub until: Option<OffsetDateTime>,
}

/// A list that is read, and for whom.
#[derive(Clone, Copy)]
pub struct ListRequest<'r, 'a> {
    pub session: &'r Session<'a>,
    pub list: &'static List,
    pub kind: ListKind,
    pub scope: &'r Scope,
}

/// A page, and where hidden rows were passed by, the instant up to which all was read.
///
/// # Errors
/// Whatever stopped it.
pub async fn fetch(
    session: &Session<'_>,
    list: &'static List,
    kind: ListKind,
    owner: Owner,
    bounds: &PageBounds,
) -> Result<(Page, Option<OffsetDateTime>), gitlab::Error> {
    let connection = request(session, list, kind, owner, bounds).first(first(session, list, kind));
    let purpose = purpose(list, kind);
    let (mut page, until) = gitlab::next(session.client, &purpose, &connection).await?;
    gitlab::read_on(session.client, &purpose, list.kind, &connection.nodes, &mut page).await?;
    Ok((page, until))
}

/// Pages of these lists of rows, in their order, with all of the lists within the rows; an error within concerns that
/// list alone.
///
/// # Errors
/// What everybody else would meet, too.
pub async fn rows_of(
    session: &Session<'_>,
    list: &'static List,
    purpose: &Purpose,
    lists: Vec<Connection>,
) -> Result<Vec<Result<Page, gitlab::Error>>, gitlab::Error> {
    let fields: Vec<Selection> = lists.iter().map(|asked| asked.nodes.clone()).collect();
    let mut pages = gitlab::fetch(session.client, purpose, lists).await?;
    for (fields, page) in fields.iter().zip(&mut pages) {
        if let Ok(page) = page {
            gitlab::read_on(session.client, purpose, list.kind, fields, page).await?;
        }
    }
    Ok(pages)
}

/// What a list is asked for; its page is as large as GitLab allows.
pub fn request(
    session: &Session<'_>,
    list: &'static List,
    kind: ListKind,
    owner: Owner,
    bounds: &PageBounds,
) -> Connection {
    let connection = Connection::new(owner, list.field)
        .with_all_below()
        .after(bounds.after.clone())
        .nodes(nodes(session, list, kind));
    match kind {
        ListKind::Updated => connection.within(By::Updated, bounds.from, bounds.until),
        ListKind::Ids | ListKind::Times => connection.within(By::Created, bounds.from, bounds.until),
        ListKind::Open => connection
            .with("state", Argument::word("opened"))
            .with("sort", Argument::word("CREATED_ASC")),
    }
}

/// What requests for a list are counted under, and how their queries are called.
pub fn purpose(list: &'static List, kind: ListKind) -> Purpose {
    let prefix = match kind {
        ListKind::Updated => "",
        ListKind::Open => "Open",
        ListKind::Ids | ListKind::Times => "IdsOf",
    };
    Purpose::new(list.stream, format!("{prefix}{}", list.operation))
}

/// How many rows to ask for at once: ids alone cost GitLab little.
pub fn first(session: &Session<'_>, list: &'static List, kind: ListKind) -> u32 {
    session.page(match kind {
        ListKind::Ids | ListKind::Times => IDS,
        ListKind::Updated | ListKind::Open => list.stream,
    })
}

fn nodes(session: &Session<'_>, list: &'static List, kind: ListKind) -> Selection {
    match kind {
        ListKind::Updated | ListKind::Open => selection(session, list),
        ListKind::Times => Selection::parse("id iid projectId createdAt updatedAt"),
        ListKind::Ids => {
            let fields = Selection::parse("id iid projectId createdAt updatedAt");
            let fingerprint = session.streams.named(list.stream).fingerprint;
            let compared = fingerprint.map_or("", |fingerprint| fingerprint.ask);
            gitlab::with_ends(fields.and(&Selection::parse(compared)))
        }
    }
}
