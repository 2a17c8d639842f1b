//! `MergeRequest`.

use super::super::plan::Field;
use super::super::run::{Outcome, Run};
use super::{commit, label, milestone, note, pipeline, project, user};
use crate::data::{MergeRequest, detailed_merge_status, diff_stats, hex, is_approved, merge_request_url};

pub fn merge_request<'a>(run: &mut Run<'a>, fields: &'a [Field], row: &'a MergeRequest) -> Outcome {
    let world = run.world;
    let person = |id: Option<u64>| id.and_then(|id| world.users.get(id));
    run.row(("MergeRequest", row.id), fields, |run, field| {
        match field.name.as_str() {
            "id" => run.gid("MergeRequest", row.id),
            "iid" => run.word(row.iid),
            "projectId" => run.number(row.project),
            "project" => project::project(run, &field.selection, world.project_of(row)),
            "sourceProjectId" => run.maybe(row.source_project, Run::number),
            "title" => run.text(&row.title.read()),
            "description" => run.maybe(row.description.as_ref(), |run, text| run.text(&text.read())),
            "state" => run.word(row.state.name()),
            "draft" => run.flag(row.draft),
            "author" => run.maybe(person(row.author), |run, author| {
                user::user(run, &field.selection, author, None)
            }),
            "assignees" => user::connection(run, field, &row.assignees),
            "reviewers" => user::reviewers(run, field, row),
            "approvedBy" => user::connection(run, field, &row.approved_by),
            "approved" => run.flag(is_approved(row)),
            "approvalsLeft" => run.number(row.approvals_required.saturating_sub(row.approved_by.len() as u32)),
            "approvalsRequired" => run.number(row.approvals_required),
            "changeRequesters" => {
                let unhappy = row
                    .reviewers
                    .iter()
                    .filter(|reviewer| reviewer.state == "REQUESTED_CHANGES");
                let unhappy: Vec<u64> = unhappy.map(|reviewer| reviewer.user).collect();
                user::connection(run, field, &unhappy)
            }
            "labels" => label::of_a_row(run, field, &row.labels),
            "milestone" => {
                let found = row.milestone.and_then(|id| world.milestones.get(id));
                run.maybe(found, |run, found| milestone::milestone(run, &field.selection, found))
            }
            "mergeUser" => run.maybe(person(row.merge_user), |run, merger| {
                user::user(run, &field.selection, merger, None)
            }),
            "headPipeline" => {
                let head = row.head_pipeline.and_then(|id| world.pipelines.get(id));
                run.maybe(head, |run, head| pipeline::pipeline(run, &field.selection, head))
            }
            "pipelines" => {
                let ids = row.pipelines.iter().rev();
                pipeline::connection(run, field, ids.filter_map(|id| world.pipelines.get(*id)))
            }
            "notes" => note::connection(run, field, &row.notes),
            "reference" => {
                let path = field
                    .flag("full")
                    .unwrap_or(false)
                    .then(|| world.project_of(row).full_path());
                run.word(format_args!("{}!{}", path.unwrap_or_default(), row.iid))
            }
            "webUrl" => run.word(merge_request_url(world, row)),
            _ => code(run, field, row),
        }
    })
}

/// What the merge request is about: branches, commits, differences; and the plain columns.
fn code<'a>(run: &mut Run<'a>, field: &'a Field, row: &'a MergeRequest) -> Outcome {
    match field.name.as_str() {
        "sourceBranch" => run.text(&row.source_branch),
        "targetBranch" => run.text(&row.target_branch),
        "mergeCommitSha" => run.maybe(row.merge_commit_sha.as_ref(), |run, sha| run.word(hex(sha))),
        "diffHeadSha" => run.maybe(row.sha_text(), Run::word),
        "diffRefs" => run.maybe(row.sha_text(), |run, head| {
            run.object(&field.selection, |run, inner| match inner.name.as_str() {
                "headSha" => run.word(&head),
                _ => run.word(hex(&row.base_sha)),
            })
        }),
        "diffStatsSummary" => run.object(&field.selection, |run, inner| match inner.name.as_str() {
            "additions" => run.number(row.size.additions),
            "deletions" => run.number(row.size.deletions),
            "changes" => run.number(row.size.additions + row.size.deletions),
            _ => run.number(row.size.files),
        }),
        "diffStats" => {
            let wanted = field.text("path");
            let files = diff_stats(row)
                .into_iter()
                .filter(|file| wanted.is_none_or(|path| path == file.0));
            run.list(files, |run, (path, additions, deletions)| {
                run.object(&field.selection, |run, inner| match inner.name.as_str() {
                    "path" => run.text(&path),
                    "additions" => run.number(additions),
                    _ => run.number(deletions),
                })
            })
        }
        "commits" => commit::connection(run, field, row),
        "commitCount" => run.number(row.commit_count),
        "conflicts" => run.flag(row.conflicts),
        "detailedMergeStatus" => run.word(detailed_merge_status(run.world, row)),
        "squashOnMerge" => run.flag(row.squash),
        "autoMergeEnabled" => run.flag(row.auto_merge),
        _ => columns(run, field, row),
    }
}

fn columns<'a>(run: &mut Run<'a>, field: &'a Field, row: &'a MergeRequest) -> Outcome {
    match field.name.as_str() {
        "userNotesCount" => run.number(row.discussions.user_notes),
        "userDiscussionsCount" => run.number(row.discussions.user_discussions),
        "resolvableDiscussionsCount" => run.number(row.discussions.resolvable),
        "resolvedDiscussionsCount" => run.number(row.discussions.resolved),
        "upvotes" => run.number(row.upvotes),
        "downvotes" => run.number(row.downvotes),
        "timeEstimate" => run.number(row.time_estimate),
        "totalTimeSpent" => run.number(row.time_spent),
        "createdAt" => run.time(row.created_at),
        "updatedAt" => run.time(row.updated_at),
        "preparedAt" => run.maybe(row.prepared_at, Run::time),
        "mergedAt" => run.maybe(row.merged_at, Run::time),
        "closedAt" => run.maybe(row.closed_at, Run::time),
        other => unreachable!("validation lets no field {other} through"),
    }
}
