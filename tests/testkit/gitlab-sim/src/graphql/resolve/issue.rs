//! `Issue`.

use super::super::plan::Field;
use super::super::run::{Outcome, Run};
use super::{label, milestone, note, user};
use crate::data::{BASE_URL, Issue, Project, issue_url};

pub fn issue<'a>(run: &mut Run<'a>, fields: &'a [Field], row: &'a Issue) -> Outcome {
    let world = run.world;
    run.row(("Issue", row.id), fields, |run, field| match field.name.as_str() {
        "id" => run.gid("Issue", row.id),
        "iid" => run.word(row.iid),
        "projectId" => run.number(row.project),
        "title" => run.text(&row.title.read()),
        "description" => run.maybe(row.description.as_ref(), |run, text| run.text(&text.read())),
        "state" => run.word(row.state()),
        "type" => run.word(row.kind),
        "author" => run.maybe(world.users.get(row.author), |run, author| {
            user::user(run, &field.selection, author, None)
        }),
        "assignees" => user::connection(run, field, &row.assignees),
        "labels" => label::of_a_row(run, field, &row.labels),
        "milestone" => {
            let found = row.milestone.and_then(|id| world.milestones.get(id));
            run.maybe(found, |run, found| milestone::milestone(run, &field.selection, found))
        }
        "notes" => note::connection(run, field, &row.notes),
        "reference" => {
            let path = field.flag("full").unwrap_or(false).then(|| {
                let home = world.projects.get(row.project);
                home.map(Project::full_path).unwrap_or_default()
            });
            run.word(format_args!("{}#{}", path.unwrap_or_default(), row.iid))
        }
        "webUrl" => run.word(issue_url(world, row)),
        "webPath" => run.word(issue_url(world, row).trim_start_matches(BASE_URL)),
        _ => columns(run, field, row),
    })
}

fn columns<'a>(run: &mut Run<'a>, field: &'a Field, row: &'a Issue) -> Outcome {
    match field.name.as_str() {
        "confidential" => run.flag(row.confidential),
        "weight" => run.maybe(row.weight, Run::number),
        "dueDate" => run.maybe(row.due_date, Run::time),
        "userNotesCount" => run.number(row.user_notes),
        "upvotes" => run.number(row.upvotes),
        "downvotes" => run.number(row.downvotes),
        "timeEstimate" => run.number(row.time_estimate),
        "totalTimeSpent" => run.number(row.time_spent),
        "createdAt" => run.time(row.created_at),
        "updatedAt" => run.time(row.updated_at),
        "closedAt" => run.maybe(row.closed_at, Run::time),
        other => unreachable!("validation lets no field {other} through"),
    }
}
