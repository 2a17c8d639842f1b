//! `Commit`: those of a merge request, newest first.

use super::super::plan::Field;
use super::super::run::{Outcome, Run};
use crate::data::{Column, Commit, MergeRequest, Order, SortKey, commits, hex};

pub fn connection<'a>(run: &mut Run<'a>, field: &'a Field, merge_request: &'a MergeRequest) -> Outcome {
    let all = commits(run.world, merge_request);
    let rows = |_| {
        let numbered = (0u64..).zip(&all);
        numbered.map(|(index, row)| ((SortKey::Time(None), index), row))
    };
    run.connection(field, Order::ascending(Column::Id), rows, |_| true, commit)
}

fn commit<'a>(run: &mut Run<'a>, fields: &'a [Field], row: &Commit) -> Outcome {
    let sha = hex(&row.sha);
    run.object(fields, |run, field| match field.name.as_str() {
        "id" => run.word(format_args!("gid://gitlab/CommitPresenter/{sha}")),
        "sha" => run.word(&sha),
        "shortId" => run.word(&sha[..8]),
        "title" => run.text(&row.title),
        "authorName" => run.text(&row.author_name),
        "authorEmail" => run.text(&row.author_email),
        "authoredDate" => run.time(row.authored_at),
        _ => run.time(row.committed_at),
    })
}
