//! Lists of merge requests and of issues: by time of update, so that a row changed meanwhile comes again
//! at the end.

use std::time::Duration;

use crate::sync::error::Error;
use crate::sync::list::List;
use crate::sync::lock::lock;
use crate::sync::pass::Step;
use crate::sync::read::list_request::{Reading, Which};
use crate::sync::read::{changes_by_project, slices};
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::session::Session;
use crate::sync::state::{Position, Slice};

/// Reads the next pages of changed rows, with all that belongs to them.
pub async fn step<'a>(
    session: &Session<'a>,
    list: &'static List,
    scope: &Scope,
    position: &Position,
) -> Result<Step<'a>, Error> {
    let unchanged = || lock(&session.unchanged).contains(&(list.stream, scope.to_string()));
    if position.pass.is_none() && unchanged() {
        let mut pass = position.pass_from(session.instance.at);
        pass.listed = true;
        return Ok(Step {
            rows: Rows::default(),
            next: position.advanced(pass, session.options.overlap),
        });
    }
    let reading = Reading {
        session,
        list,
        which: Which::Updated,
        scope,
    };
    next(reading, position, session.options.overlap).await
}

/// Reads the next pages of open rows, changed or not: what GitLab changes without a new time of update
/// (approval rules, merge status, deleted notes) is seen in this way.
pub async fn refresh_step<'a>(
    session: &Session<'a>,
    list: &'static List,
    scope: &Scope,
    position: &Position,
) -> Result<Step<'a>, Error> {
    let reading = Reading {
        session,
        list,
        which: Which::Open,
        scope,
    };
    next(reading, position, Duration::ZERO).await
}

async fn next<'a>(reading: Reading<'_, 'a>, position: &Position, overlap: Duration) -> Result<Step<'a>, Error> {
    let session = reading.session;
    let mut pass = position.pass_from(session.instance.at);
    let mut rows = Rows::default();
    match reading.scope {
        Scope::Projects(projects) => {
            changes_by_project::next(reading, projects, position, &mut pass, &mut rows).await?;
        }
        Scope::Group(_) => {
            if pass.slices.is_empty() {
                let since = position.updated_after.or(session.options.start_date);
                pass.slices.push(Slice {
                    from: since.filter(|_| reading.which == Which::Updated),
                    ..Slice::default()
                });
            }
            slices::next(reading, &mut pass, &mut rows).await?;
            pass.listed = pass.slices.is_empty();
        }
    }
    Ok(Step {
        rows,
        next: position.advanced(pass, overlap),
    })
}
