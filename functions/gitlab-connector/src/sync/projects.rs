//! The pass over projects and, in the same requests, over the pipelines that changed in each of them.

use futures::future::try_join_all;
use serde_json::{Map, Value as Json, json};
use time::format_description::well_known::Rfc3339;

use super::context::Context;
use super::engine::Step;
use super::merge_requests::nodes_of;
use super::position::{Pass, Pending, Position};
use super::rows::Rows;
use super::{Error, Scope, by_iids, users};
use crate::gitlab;

/// Projects whose further pipelines are asked for in one request: each costs 49 of GitLab's 250.
const PENDING_AT_ONCE: usize = 4;
/// Such requests for one checkpoint.
const PENDING_REQUESTS: usize = 4;

/// Reads the next page of projects, or the next pages of pipelines.
pub async fn step(context: &Context<'_>, scope: &Scope, position: &Position) -> Result<Step, Error> {
    let mut pass = position.pass_from(context.instance.at);
    let updated_after = position.updated_after.and_then(|at| at.format(&Rfc3339).ok());
    let mut rows = Rows::default();
    let pipelines = if pass.pending.is_empty() {
        next_projects(context, scope, &mut pass, updated_after.as_deref(), &mut rows).await?
    } else {
        next_pipelines(context, &mut pass, updated_after.as_deref()).await?
    };
    for pipeline in &pipelines {
        rows.map(&context.inner.streams.pipelines, pipeline);
    }
    // In a first pass the merge requests are all read afterwards.
    if position.updated_after.is_some() {
        by_iids::add_of_pipelines(context, &pipelines, &mut rows).await?;
    }
    users::add(context, &mut rows).await?;
    Ok(Step {
        rows,
        next: position.advanced(pass, context.inner.config.overlap),
    })
}

/// A page of projects, and the first page of each one's changed pipelines.
async fn next_projects(
    context: &Context<'_>,
    scope: &Scope,
    pass: &mut Pass,
    updated_after: Option<&str>,
    rows: &mut Rows,
) -> Result<Vec<Json>, gitlab::Error> {
    let query = projects_query(context, scope);
    let mut found = loop {
        let first = context.project_page.get();
        let variables = match scope {
            Scope::Group(path) => {
                json!({"path": path, "first": first, "after": pass.after, "updatedAfter": updated_after})
            }
            Scope::Project(path) => json!({"path": path, "updatedAfter": updated_after}),
        };
        match context.inner.client.ask("projects", &query, variables).await {
            Ok(mut reply) => break reply.data["scope"].take(),
            Err(error) if context.project_page.shrink(&error) => {}
            Err(error) => return Err(error),
        }
    };
    if found.is_null() {
        return Err(gitlab::Error::ScopeNotFound(scope.to_string()));
    }
    context.project_page.grow();
    let projects = match scope {
        Scope::Project(_) => {
            pass.listed = true;
            vec![found]
        }
        Scope::Group(_) => {
            let mut connection = found["projects"].take();
            let info = connection["pageInfo"].take();
            // Without a cursor there is no way on, and asking again would never end.
            pass.listed = info["hasNextPage"] != true || info["endCursor"].is_null();
            if let Some(end) = info["endCursor"].as_str() {
                pass.after = Some(end.to_owned());
            }
            nodes_of(&mut connection)
        }
    };
    let mut pipelines = Vec::new();
    for mut project in projects {
        rows.map(&context.inner.streams.projects, &project);
        pipelines.extend(take_pipelines(&mut project, &mut pass.pending));
    }
    Ok(pipelines)
}

/// The next page of pipelines of some projects that have more.
async fn next_pipelines(
    context: &Context<'_>,
    pass: &mut Pass,
    updated_after: Option<&str>,
) -> Result<Vec<Json>, gitlab::Error> {
    let now: Vec<Pending> = pass
        .pending
        .drain(..pass.pending.len().min(PENDING_AT_ONCE * PENDING_REQUESTS))
        .collect();
    let pipelines = pipelines_selection(context, "$first", ", after: $c");
    let replies = try_join_all(now.chunks(PENDING_AT_ONCE).map(|chunk| {
        let (mut parameters, mut fields, mut variables) = (String::new(), String::new(), Map::new());
        for (index, Pending { path, after }) in chunk.iter().enumerate() {
            let pipelines = pipelines.replace("$c", &format!("$c{index}"));
            parameters.push_str(&format!("$p{index}: ID!, $c{index}: String, "));
            fields.push_str(&format!(
                "a{index}: project(fullPath: $p{index}) {{ id fullPath {pipelines} }} "
            ));
            variables.insert(format!("p{index}"), json!(path));
            variables.insert(format!("c{index}"), json!(after));
        }
        variables.insert("first".into(), json!(100));
        variables.insert("updatedAfter".into(), json!(updated_after));
        let query = format!("query Pipelines({parameters}$first: Int!, $updatedAfter: Time) {{ {fields} }}");
        async move {
            context
                .inner
                .client
                .ask("pipelines", &query, Json::Object(variables))
                .await
        }
    }))
    .await?;
    let mut found = Vec::new();
    for mut reply in replies {
        for project in reply.data.as_object_mut().into_iter().flat_map(Map::values_mut) {
            found.extend(take_pipelines(project, &mut pass.pending));
        }
    }
    Ok(found)
}

/// A project's pipelines, marked with the project they belong to; notes where there are more.
fn take_pipelines(project: &mut Json, pending: &mut Vec<Pending>) -> Vec<Json> {
    let mut connection = project["pipelines"].take();
    let path = project["fullPath"].as_str().unwrap_or_default().to_owned();
    let info = connection["pageInfo"].take();
    if let Some(end) = info["endCursor"].as_str().filter(|_| info["hasNextPage"] == true) {
        pending.push(Pending {
            path: path.clone(),
            after: end.to_owned(),
        });
    }
    let mut pipelines = nodes_of(&mut connection);
    for pipeline in pipelines.iter_mut().filter_map(Json::as_object_mut) {
        pipeline.insert("_projectId".into(), project["id"].clone());
        pipeline.insert("_path".into(), json!(path));
    }
    pipelines
}

fn pipelines_selection(context: &Context<'_>, first: &str, after: &str) -> String {
    let pipeline = context.inner.streams.pipelines.selection(|_| true);
    format!(
        "pipelines(updatedAfter: $updatedAfter, first: {first}{after}) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {pipeline} }} }}"
    )
}

fn projects_query(context: &Context<'_>, scope: &Scope) -> String {
    let project = context.inner.streams.projects.selection(|_| true);
    let node = format!("{project} {}", pipelines_selection(context, "100", ""));
    match scope {
        Scope::Project(_) => {
            format!("query Project($path: ID!, $updatedAfter: Time) {{ scope: project(fullPath: $path) {{ {node} }} }}")
        }
        Scope::Group(_) => format!(
            "query Projects($path: ID!, $first: Int!, $after: String, $updatedAfter: Time) {{ scope: group(fullPath: $path) {{ \
             id projects(includeSubgroups: true, includeArchived: true, first: $first, after: $after) {{ \
             pageInfo {{ hasNextPage endCursor }} nodes {{ {node} }} }} }} }}"
        ),
    }
}
