//! Reads what webhooks name, writes it, and has dbt run.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use mergemind_shared::ApiError;
use mergemind_shared::function::{Shutdown, TraceContext};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::by_iids::{self, Wanted};
use super::connection::{next_of, nodes_of};
use super::context::{Context, lock};
use super::lists::{ISSUES, MERGE_REQUESTS, selection, take};
use super::page_size::{LARGEST_PAGE, PageSize};
use super::rows::Rows;
use super::summary::Summary;
use super::{Error, Syncer, exclusive, owed};
use crate::gitlab;
use crate::webhook::Hint;

/// How long what is known of a GitLab's schema is used again.
const INSTANCE_LASTS: Duration = Duration::from_secs(600);
/// How long to wait for a sync that is running, and how often to look.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
const LOOK: Duration = Duration::from_secs(2);
/// Merge requests of one branch in one request: there is hardly ever more than one.
const OF_BRANCH: u32 = 20;

impl Syncer {
    /// Reads what these webhooks name and writes it; dbt runs afterwards, without anybody waiting for it.
    ///
    /// # Errors
    /// What stopped it; the next sync makes up for it.
    pub async fn follow(&self, hints: &[Hint], shutdown: Shutdown) -> Result<Value, ApiError> {
        let inner = &self.0;
        let begun = Instant::now();
        let summary = loop {
            let followed = exclusive::under_lease(inner, &shutdown, async |lease| {
                let mut context = Context::new(
                    &inner.config.options,
                    &inner.client,
                    &inner.streams,
                    &*inner.warehouse,
                    self.instance().await?,
                    shutdown.clone(),
                );
                context.lease = Some(lease);
                let owed = exclusive::debt(&mut exclusive::committed(inner).await?);
                if let Err(error) = follow(&context, hints).await {
                    if error.is_missing_table() {
                        inner.tables_ready.forget();
                    }
                    return Err(error.into());
                }
                Ok(summary(inner, context, begun, owed))
            })
            .await;
            match followed {
                // A sync is running; it may have passed by already what changed.
                Err(error) if error.code() == "sync_running" && begun.elapsed() < PATIENCE && !shutdown.requested() => {
                    tokio::time::sleep(LOOK).await;
                }
                other => break other?,
            }
        };
        let answer = summary.to_json(&inner.streams);
        tracing::info!(
            sync_id = summary.sync_id,
            hints = hints.len(),
            rows_written = summary.written(),
            elapsed_s = answer["elapsed_s"].as_f64(),
            "followed webhooks"
        );
        let syncer = self.clone();
        let short = json!({"status": "success", "sync_id": summary.sync_id, "rows_written": summary.written()});
        tokio::spawn(async move {
            let trace = TraceContext::new_trace();
            if let Err(error) = owed::run_dbt(&syncer.0, &summary, answer, &trace, &shutdown).await {
                tracing::error!("{error}");
            }
        });
        Ok(short)
    }

    /// What this GitLab is; asked anew now and then.
    async fn instance(&self) -> Result<gitlab::Instance, Error> {
        let known = lock(&self.0.instance).clone();
        if let Some((_, instance)) = known.filter(|(at, _)| at.elapsed() < INSTANCE_LASTS) {
            return Ok(instance);
        }
        let instance = gitlab::probe(&self.0.client, &self.0.streams.types(), &[]).await?;
        *lock(&self.0.instance) = Some((Instant::now(), instance.clone()));
        Ok(instance)
    }
}

/// Reads what these webhooks name and writes it.
pub(super) async fn follow(context: &Context<'_>, hints: &[Hint]) -> Result<(), Error> {
    let mut rows = Rows::default();
    let (mut merge_requests, mut issues) = (Wanted::new(), Wanted::new());
    let (mut commits, mut branches) = (BTreeSet::new(), BTreeSet::new());
    for hint in hints {
        let path = || hint.project.clone();
        if !hint.merge_requests.is_empty() {
            merge_requests.entry(path()).or_default().extend(&hint.merge_requests);
        }
        if !hint.issues.is_empty() && context.on("issues") {
            issues.entry(path()).or_default().extend(&hint.issues);
        }
        commits.extend(hint.pipelines_of.iter().map(|sha| (path(), sha.clone())));
        branches.extend(hint.branch.iter().map(|branch| (path(), branch.clone())));
    }
    for (path, sha) in &commits {
        add_pipelines(context, path, sha, &mut rows).await?;
    }
    for (path, branch) in &branches {
        add_of_branch(context, path, branch, &mut rows).await?;
    }
    by_iids::add(context, &MERGE_REQUESTS, &merge_requests, &mut rows).await?;
    by_iids::add(context, &ISSUES, &issues, &mut rows).await?;
    context.commit(rows, None).await
}

/// The pipelines of a commit, and the merge requests that they belong to.
async fn add_pipelines<'a>(context: &Context<'a>, path: &str, sha: &str, rows: &mut Rows<'a>) -> Result<(), Error> {
    if !context.on("pipelines") {
        return Ok(());
    }
    let stream = context.streams.named("pipelines");
    let query = format!(
        "query PipelinesOf($path: ID!, $sha: String!, $first: Int!, $after: String) {{ project(fullPath: $path) {{ id pipelines(sha: $sha, first: $first, after: $after) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {} }} }} }} }}",
        context.selection(stream)
    );
    let size = PageSize::new(LARGEST_PAGE);
    let mut pipelines = Vec::new();
    let mut after = None;
    loop {
        let variables = json!({"path": path, "sha": sha, "after": after});
        let mut reply = context.ask_page("pipelines", &query, variables, &size).await?;
        let mut project = reply.data["project"].take();
        for mut pipeline in nodes_of(&mut project["pipelines"]) {
            pipeline["_parent"] = json!({"id": project["id"]});
            pipeline["_path"] = json!(path);
            rows.map(stream, &pipeline);
            pipelines.push(pipeline);
        }
        after = next_of(&project["pipelines"]);
        if after.is_none() {
            break;
        }
    }
    by_iids::add_of_pipelines(context, &pipelines, rows).await
}

/// The open merge requests of a branch that was pushed to.
async fn add_of_branch<'a>(context: &Context<'a>, path: &str, branch: &str, rows: &mut Rows<'a>) -> Result<(), Error> {
    let query = format!(
        "query OfBranch($path: ID!, $branches: [String!], $first: Int!, $after: String) {{ project(fullPath: $path) {{ mergeRequests(sourceBranches: $branches, state: opened, first: $first, after: $after) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {} }} }} }} }}",
        selection(context, &MERGE_REQUESTS)
    );
    let size = PageSize::new(OF_BRANCH);
    let mut after = None;
    loop {
        let variables = json!({"path": path, "branches": [branch], "after": after});
        let mut reply = context.ask_page("merge_requests", &query, variables, &size).await?;
        let mut found = reply.data["project"]["mergeRequests"].take();
        take(context, &MERGE_REQUESTS, nodes_of(&mut found), rows);
        after = next_of(&found);
        if after.is_none() {
            return Ok(());
        }
    }
}

fn summary(inner: &super::Inner, context: Context<'_>, begun: Instant, owed: Option<String>) -> Summary {
    let ours = context.owed();
    let tally = std::mem::take(&mut *lock(&context.tally));
    Summary {
        sync_id: context.sync_id.clone(),
        started_at: OffsetDateTime::now_utc() - begun.elapsed(),
        elapsed_s: begun.elapsed().as_secs_f64(),
        base_url: inner.config.gitlab_url.origin().ascii_serialization(),
        instance: context.instance,
        complete: true,
        owed_before: owed.is_some(),
        owed: (tally.written() > 0).then_some(ours).or(owed),
        project_count: 0,
        tally,
        requests: inner.client.take_sent(),
        cursors: std::collections::BTreeMap::new(),
        warnings: Vec::new(),
        missing_fields: Vec::new(),
        token_ends: None,
        absent: std::collections::BTreeMap::new(),
        left_out: 0,
    }
}
