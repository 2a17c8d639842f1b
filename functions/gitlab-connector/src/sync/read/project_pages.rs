//! Pages of the list of projects: a group's, or parts of those that are named one by one.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::gitlab::{self, Argument, Connection, Field, Owner, Purpose, Selection};
use crate::streams::{Node, pipelines, projects};
use crate::sync::error::Error;
use crate::sync::scope::Scope;
use crate::sync::session::Session;
use crate::sync::state::{After, ProjectsProgress, ProjectsState};

/// A page of the list. Of projects that are named one by one, `after` and `end` are the ids before and at its end.
#[derive(Default)]
pub struct ProjectPage {
    pub nodes: Vec<Json>,
    /// Projects at which GitLab fails, by id, with their full paths.
    pub failing: BTreeMap<i64, String>,
    pub after: Option<After>,
    pub end: Option<After>,
    pub has_next: bool,
}

/// Reads as many pages as are known to follow each other, and returns those that do.
///
/// # Errors
/// If GitLab still fails after retries.
pub async fn next_pages(
    session: &Session<'_>,
    scope: &Scope,
    state: &ProjectsState,
    progress: &ProjectsProgress,
) -> Result<Vec<ProjectPage>, Error> {
    let first = session.page(projects::NAME);
    let place = state.pages.iter().position(|page| page.after == progress.after);
    let starts: Vec<Option<After>> = match place {
        Some(place) => state.pages[place..].iter().map(|page| page.after.clone()).collect(),
        None => vec![progress.after.clone()],
    };
    let mut asked: Vec<(ProjectPage, Connection)> = Vec::new();
    for after in starts {
        let Some(page) = request(session, scope, state, after, first) else {
            break;
        };
        asked.push(page);
    }
    let Some((start, _)) = asked.first() else {
        // Those that were left have gone since an earlier sync came this far.
        return Ok(vec![ProjectPage {
            after: progress.after.clone(),
            ..ProjectPage::default()
        }]);
    };
    let start = start.after.clone();
    let lists: Vec<Connection> = asked.iter().map(|(_, list)| list.clone()).collect();
    asked.truncate(gitlab::fitting(&lists, session.client.limits.score()));
    let lists = asked.iter().map(|(_, list)| list.clone()).collect();
    let found = gitlab::fetch(session.client, &purpose(scope), lists).await?;
    let mut pages: Vec<ProjectPage> = Vec::new();
    for ((page, _), found) in asked.into_iter().zip(found) {
        let found = match found {
            Ok(found) => found,
            Err(error) if page.after == start => return Err(error.into()),
            // The next step asks for it again.
            Err(_) => break,
        };
        if pages
            .last()
            .is_some_and(|last| !last.has_next || last.end != page.after)
        {
            break;
        }
        pages.push(page.with(session, scope, found));
    }
    Ok(pages)
}

impl ProjectPage {
    fn with(mut self, session: &Session<'_>, scope: &Scope, found: gitlab::Page) -> Self {
        let (failing, partly) = found
            .left_out
            .into_iter()
            .partition::<Vec<_>, _>(|left_out| left_out.field.is_none());
        session.warn_left_out(scope, &partly);
        for left_out in failing {
            let Some(id) = Node::new(&left_out.row).number("id") else {
                continue;
            };
            let told = left_out.row["fullPath"].as_str().map(ToOwned::to_owned);
            let path = match scope {
                Scope::Projects(projects) => told.or_else(|| projects.paths.get(&id).cloned()),
                Scope::Group(_) => told,
            };
            let path = path.unwrap_or_default();
            let error = gitlab::Error::LeftOut(left_out.error).into();
            session.warn(scope, &format!("project {path}"), &error);
            self.failing.insert(id, path);
        }
        let is_left_out = |path: &str| session.options.excludes(path);
        self.failing.retain(|_, path| !is_left_out(path));
        self.nodes = found.nodes;
        self.nodes
            .retain(|node| !is_left_out(node["fullPath"].as_str().unwrap_or_default()));
        if let Scope::Group(_) = scope {
            (self.end, self.has_next) = (found.end.map(After::Cursor), found.has_next);
        }
        self
    }
}

fn purpose(scope: &Scope) -> Purpose {
    let operation = match scope {
        Scope::Group(_) => "Projects",
        Scope::Projects(_) => "ProjectsByIds",
    };
    Purpose::new(projects::NAME, operation)
}

/// A page to be filled, and how GitLab is asked for it; none where no project is left to be named.
fn request(
    session: &Session<'_>,
    scope: &Scope,
    state: &ProjectsState,
    after: Option<After>,
    first: u32,
) -> Option<(ProjectPage, Connection)> {
    let page = ProjectPage {
        after,
        ..ProjectPage::default()
    };
    match scope {
        Scope::Group(path) => {
            let list = Connection::new(Owner::Group(path.clone()), projects::LIST)
                .with_all_below()
                .first(first)
                .after(page.after.as_ref().and_then(After::cursor).map(ToOwned::to_owned))
                .nodes(of_each(session, state));
            Some((page, list))
        }
        Scope::Projects(projects) => {
            let (ids, has_next) = projects.after(page.after.as_ref().and_then(After::project), first as usize);
            let end = After::Project(*ids.last()?);
            let list = Connection::new(Owner::GitLab, projects::LIST)
                .ids("Project", ids)
                .nodes(of_each(session, state));
            let page = ProjectPage {
                end: Some(end),
                has_next,
                ..page
            };
            Some((page, list))
        }
    }
}

/// What is asked of each project: its row, and whether it has pipelines that changed.
fn of_each(session: &Session<'_>, state: &ProjectsState) -> Selection {
    let node = session.fields(session.streams.named(projects::NAME));
    if !session.on(pipelines::NAME) {
        return node;
    }
    let mut pipelines = Field::new(pipelines::LIST).with("first", Argument::word("1"));
    if let Some(since) = state.complete_until.or(session.options.start_date) {
        pipelines = pipelines.with("updatedAfter", Argument::time(since));
    }
    node.with(pipelines.of(Selection::parse("nodes { id }")))
}
