//! `UserCore` and the types with the same fields: `CurrentUser` and a merge request's author, assignees, reviewers.

use super::super::plan::Field;
use super::super::run::{Outcome, Run};
use crate::data::{BASE_URL, Column, MergeRequest, Order, SortKey, User};
use crate::instant;

/// What a reviewer did with a merge request.
#[derive(Clone, Copy)]
pub struct Interaction {
    review_state: &'static str,
    approved: bool,
}

pub fn user<'a>(run: &mut Run<'a>, fields: &'a [Field], row: &'a User, interaction: Option<Interaction>) -> Outcome {
    run.row(("User", row.id), fields, |run, field| match field.name.as_str() {
        "id" => run.gid("User", row.id),
        "username" => run.text(&row.username),
        "name" => run.text(&row.name),
        "publicEmail" => run.maybe(row.public_email.as_deref(), Run::text),
        "state" => run.word(row.state),
        "bot" => run.flag(row.bot),
        "human" => run.flag(!row.bot),
        "createdAt" => run.time(row.created_at),
        "lastActivityOn" => run.maybe(row.last_activity_on, |run, at| run.word(instant::print_date(at))),
        "webUrl" => run.word(format_args!("{BASE_URL}/{}", row.username)),
        _ => run.maybe(interaction, |run, review| {
            run.object(&field.selection, |run, inner| match inner.name.as_str() {
                "approved" => run.flag(review.approved),
                "canMerge" => run.flag(row.member),
                "reviewState" => run.word(review.review_state),
                _ => run.flag(!matches!(review.review_state, "UNREVIEWED" | "REVIEW_STARTED")),
            })
        }),
    })
}

/// Users by their ids, in the order of the ids.
pub fn connection<'a>(run: &mut Run<'a>, field: &'a Field, ids: &[u64]) -> Outcome {
    let world = run.world;
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    let rows = |_| {
        ids.iter()
            .filter_map(|id| world.users.get(*id))
            .map(|row| ((SortKey::Time(None), row.id), row))
    };
    run.connection(
        field,
        Order::ascending(Column::Id),
        rows,
        |_| true,
        |run, fields, row| user(run, fields, row, None),
    )
}

pub fn reviewers<'a>(run: &mut Run<'a>, field: &'a Field, merge_request: &'a MergeRequest) -> Outcome {
    let world = run.world;
    let mut reviewers: Vec<_> = merge_request.reviewers.iter().collect();
    reviewers.sort_unstable_by_key(|reviewer| reviewer.user);
    let rows = |_| {
        reviewers.iter().filter_map(|reviewer| {
            let row = world.users.get(reviewer.user)?;
            let approved = merge_request.approved_by.contains(&row.id);
            Some((
                (SortKey::Time(None), row.id),
                (
                    row,
                    Interaction {
                        review_state: reviewer.state,
                        approved,
                    },
                ),
            ))
        })
    };
    run.connection(
        field,
        Order::ascending(Column::Id),
        rows,
        |_| true,
        |run, fields, (row, interaction)| user(run, fields, row, Some(interaction)),
    )
}
