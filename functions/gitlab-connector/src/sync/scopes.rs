//! Which passes run over which scope, and what comes of them.

use std::collections::{BTreeMap, HashMap};

use mergemind_shared::warehouse::CursorMove;

use super::context::{Context, lock};
use super::lists::{ISSUES, MERGE_REQUESTS};
use super::passes::{self, Pass};
use super::position::Position;
use super::rows::Rows;
use super::summary::CursorStep;
use super::{Error, Request, Scope, reconcile};
use crate::gitlab::{self, Changed};
use crate::streams::Stream;

/// In the table of cursors: which streams are read.
pub const STREAMS: &str = "streams";

/// Committed positions, by stream and scope.
pub type Cursors = HashMap<(String, String), String>;

/// What came of the scopes.
#[derive(Default)]
pub struct Outcome {
    /// Whether every pass came to its end.
    pub complete: bool,
    /// Cursors' steps, by pass.
    pub steps: BTreeMap<&'static str, Vec<CursorStep>>,
}

/// Runs the passes that are due over each scope. What concerns only one scope is a warning.
///
/// # Errors
/// What concerns all scopes, or, if not a single one could be read, what stopped the last.
pub async fn run_scopes(
    context: &Context<'_>,
    scopes: &[Scope],
    cursors: &mut Cursors,
    request: &Request,
) -> Result<Outcome, Error> {
    // Whoever wants everything read again wants it of lists without a change, too.
    if !request.full_refresh {
        lock(&context.unchanged).extend(context.instance.unchanged.iter().cloned());
    }
    let mut outcome = Outcome {
        complete: true,
        ..Outcome::default()
    };
    let (mut failed, mut last_error) = (0, None);
    for scope in scopes {
        match run_scope(context, scope, cursors, request, &mut outcome).await {
            Ok(()) if outcome.complete => {}
            Ok(()) => break,
            Err(error) if context.concerns_all(&error).await => return Err(error),
            Err(error) => {
                context.warn(scope, "the scope", &error);
                failed += 1;
                last_error = Some(error);
            }
        }
    }
    match last_error {
        Some(error) if failed == scopes.len() => Err(error),
        _ => Ok(outcome),
    }
}

async fn run_scope(
    context: &Context<'_>,
    scope: &Scope,
    cursors: &mut Cursors,
    request: &Request,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    let key = |pass: Pass| (pass.stream().to_owned(), scope.to_string());
    if request.full_refresh {
        for pass in passes::ALL {
            begin_anew(context, pass, scope, cursors).await?;
        }
    }
    note_streams(context, scope, cursors).await?;
    let first = cursors
        .get(&key(Pass::MergeRequests))
        .is_none_or(|cursor| Position::parse(Some(cursor)).updated_after.is_none());
    let mut dimensions_done = false;
    let (mut good, mut failed) = (0, None);
    for pass in passes::ALL {
        if !pass.is_wanted(context) {
            continue;
        }
        let cursor = cursors.get(&key(pass)).cloned();
        match due(context, pass, cursor.as_deref(), first, request) {
            Due::No => continue,
            Due::Skip => {
                let at = passes::skip(context, pass, scope, cursor, context.instance.at).await?;
                cursors.insert(key(pass), at);
                continue;
            }
            Due::Yes => {}
        }
        match run_pass(context, pass, scope, cursors, outcome).await {
            Ok(()) => good += 1,
            Err(Error::GitLab(gitlab::Error::ScopeNotFound(path))) => {
                return Err(gitlab::Error::ScopeNotFound(path).into());
            }
            Err(error) if context.concerns_all(&error).await => return Err(error),
            Err(error) => {
                context.warn(scope, pass.stream(), &error);
                failed = Some(error);
                continue;
            }
        }
        dimensions_done |= pass == Pass::Dimensions;
        if !outcome.complete {
            return Ok(());
        }
        let facts = ["merge_requests", "issues", "mr_labels"];
        if pass == Pass::Issues
            && !dimensions_done
            && ["labels", "milestones"].iter().all(|stream| context.on(stream))
            && facts.iter().any(|table| lock(&context.tally).written_to(table) > 0)
            && context.sink.dangles().await?
        {
            run_pass(context, Pass::Dimensions, scope, cursors, outcome).await?;
        }
    }
    match failed {
        Some(error) if good == 0 => Err(error),
        _ => Ok(()),
    }
}

/// Notes which streams are read from now on. One that was switched on since has no past in the tables, so
/// the pass that reads it begins anew.
async fn note_streams(context: &Context<'_>, scope: &Scope, cursors: &mut Cursors) -> Result<(), Error> {
    let key = (STREAMS.to_owned(), scope.to_string());
    let on = context
        .options
        .streams
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(",");
    let known = cursors.get(&key).cloned();
    if known.as_ref() == Some(&on) {
        return Ok(());
    }
    if let Some(known) = &known {
        let known: Vec<&str> = known.split(',').collect();
        let new = |stream: &&Stream| context.on(stream.name()) && !known.contains(&stream.name());
        let passes: Vec<Pass> = context.streams.all().filter(new).filter_map(Pass::of).collect();
        for pass in passes::ALL.into_iter().filter(|pass| passes.contains(pass)) {
            tracing::info!(%scope, pass = pass.stream(), "a stream was switched on; reading from the beginning");
            begin_anew(context, pass, scope, cursors).await?;
        }
        if !passes.is_empty() {
            note_who_is_away(context, scope, cursors).await?;
        }
    }
    let noted = CursorMove {
        stream: key.0.clone(),
        scope: key.1.clone(),
        from: known,
        to: on.clone(),
        at: None,
    };
    context.commit(Rows::default(), Some(noted)).await?;
    cursors.insert(key, on);
    Ok(())
}

/// A project that is away while a stream is switched on has no past of it. Its row says that it is away, and every page
/// of projects is compared with the rows again: so it is new when it comes back, and read from its beginning.
async fn note_who_is_away(context: &Context<'_>, scope: &Scope, cursors: &mut Cursors) -> Result<(), Error> {
    let projects = reconcile::projects_of(context, scope).await?;
    let mut rows = Rows::default();
    reconcile::reconcile_projects(context, scope, &projects, &mut rows).await?;
    context.commit(rows, None).await?;
    let key = (Pass::Projects.stream().to_owned(), scope.to_string());
    if let Some(cursor) = cursors.remove(&key) {
        let mut position = Position::parse(Some(&cursor));
        position.pages.clear();
        position.members.retain(|id| projects.contains_key(id));
        if let Some(pass) = &mut position.pass {
            pass.pages.clear();
            pass.members.retain(|id| projects.contains_key(id));
        }
        let moved = passes::put(context, Pass::Projects, scope, Some(cursor), &position).await?;
        cursors.insert(key, moved);
    }
    Ok(())
}

async fn begin_anew(context: &Context<'_>, pass: Pass, scope: &Scope, cursors: &mut Cursors) -> Result<(), Error> {
    let key = (pass.stream().to_owned(), scope.to_string());
    if let Some(cursor) = cursors.remove(&key) {
        let begin = passes::reset(context, pass, scope, cursor).await?;
        cursors.insert(key, begin);
    }
    // What has not changed since the last sync is read all the same.
    lock(&context.unchanged).remove(&(pass.stream(), scope.to_string()));
    Ok(())
}

async fn run_pass(
    context: &Context<'_>,
    pass: Pass,
    scope: &Scope,
    cursors: &mut Cursors,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    let key = (pass.stream().to_owned(), scope.to_string());
    let cursor = cursors.get(&key).cloned();
    let from = Position::parse(cursor.as_deref()).updated_after;
    let progress = passes::run(context, pass, scope, cursor).await?;
    outcome.steps.entry(pass.stream()).or_default().push(CursorStep {
        scope: scope.to_string(),
        from,
        to: progress.position.updated_after,
    });
    outcome.complete &= progress.complete;
    if let Some(cursor) = progress.cursor {
        cursors.insert(key, cursor);
    }
    Ok(())
}

/// Whether a pass is to run in this sync.
enum Due {
    Yes,
    No,
    /// What it would find was just read by the others.
    Skip,
}

fn due(context: &Context<'_>, pass: Pass, cursor: Option<&str>, first: bool, request: &Request) -> Due {
    let Some(every) = pass.every(context) else {
        return Due::Yes;
    };
    let position = Position::parse(cursor);
    let forced = request.reconcile;
    if forced || position.pass.is_some() {
        return Due::Yes;
    }
    match position.updated_after {
        None if first && matches!(pass, Pass::Reconcile | Pass::OpenMergeRequests) => Due::Skip,
        None => Due::Yes,
        Some(last) if context.instance.at - last >= every => Due::Yes,
        Some(_) => Due::No,
    }
}

/// Lists of groups whose last pass has ended: they may have no change since. None if all is to be read, changed or not.
pub fn lists_to_probe(scopes: &[Scope], cursors: &Cursors, request: &Request) -> Vec<Changed> {
    let mut lists = Vec::new();
    if request.full_refresh {
        return lists;
    }
    for scope in scopes {
        // The passes over single projects ask about all of them at once.
        let Scope::Group(path) = scope else { continue };
        for list in [&MERGE_REQUESTS, &ISSUES] {
            let cursor = cursors.get(&(list.stream.to_owned(), scope.to_string()));
            let position = Position::parse(cursor.map(String::as_str));
            if let (Some(since), None) = (position.updated_after, &position.pass) {
                lists.push(Changed {
                    stream: list.stream,
                    field: list.field,
                    scope: scope.to_string(),
                    path: path.clone(),
                    since,
                });
            }
        }
    }
    lists
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_refresh_reads_also_what_has_not_changed() {
        let scope = Scope::Group("acme".into());
        let key = (MERGE_REQUESTS.stream.to_owned(), scope.to_string());
        let cursors = Cursors::from([(key, r#"{"updated_after":"2026-01-01T09:55:00Z"}"#.to_owned())]);
        let lists = |full_refresh| {
            let request = Request {
                full_refresh,
                ..Request::default()
            };
            lists_to_probe(std::slice::from_ref(&scope), &cursors, &request).len()
        };
        assert_eq!((lists(false), lists(true)), (1, 0));
    }
}
