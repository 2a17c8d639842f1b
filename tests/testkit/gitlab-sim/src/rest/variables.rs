//! CI/CD variables of groups and projects. Their values must never leave GitLab: each one begins with a canary that a
//! test can search for.

use serde_json::{Value, json};

use super::features::{self, Feature};
use super::page::Length;
use super::request::{Call, Reply};
use crate::data::{Group, Project};

/// How every variable's value begins. Nothing but this list may show it.
pub const CANARY: &str = "canary-value-of-a-variable";

struct Variable {
    key: &'static str,
    /// `env_var` or `file`.
    kind: &'static str,
    scope: &'static str,
    protected: bool,
    masked: bool,
    raw: bool,
    description: Option<&'static str>,
}

pub fn of_group(call: &Call<'_>) -> Result<Reply, Reply> {
    let group = call.group()?;
    features::check_variables(group)?;
    list(call, &of(group.id))
}

pub fn of_project(call: &Call<'_>) -> Result<Reply, Reply> {
    let project = call.project_with(Feature::Variables)?;
    list(call, &of(project.id))
}

/// Rows of `variables` that belong to a group.
pub fn group_rows(group: &Group) -> Vec<Value> {
    of(group.id)
        .iter()
        .map(|variable| row("group", group.id, variable))
        .collect()
}

/// Rows of `variables` that belong to a project.
pub fn project_rows(project: &Project) -> Vec<Value> {
    of(project.id)
        .iter()
        .map(|variable| row("project", project.id, variable))
        .collect()
}

fn list(call: &Call<'_>, variables: &[Variable]) -> Result<Reply, Reply> {
    let source = &call.names[0];
    call.page(variables.iter(), Length::Told, |variable| {
        json!({
            "variable_type": variable.kind, "key": variable.key,
            "value": format!("{CANARY}-{source}-{}-{}", variable.key, variable.scope),
            "hidden": false, "protected": variable.protected, "masked": variable.masked, "raw": variable.raw,
            "environment_scope": variable.scope, "description": variable.description,
        })
    })
}

fn row(source_type: &str, source_id: u64, variable: &Variable) -> Value {
    json!({
        "source_type": source_type, "source_id": source_id, "key": variable.key, "environment_scope": variable.scope,
        "variable_type": variable.kind, "protected": variable.protected, "masked": variable.masked,
        "raw": variable.raw, "description": variable.description,
    })
}

/// One key in two environments, so that the key alone is none; which of them there are depends on the owner.
fn of(id: u64) -> Vec<Variable> {
    let variable = |key, scope| Variable {
        key,
        kind: "env_var",
        scope,
        protected: false,
        masked: false,
        raw: true,
        description: None,
    };
    let mut variables = vec![
        Variable {
            masked: true,
            description: Some("Asks for \"care\""),
            ..variable("DEPLOY_TOKEN", "production")
        },
        Variable {
            protected: true,
            raw: false,
            ..variable("DEPLOY_TOKEN", "staging")
        },
        Variable {
            kind: "file",
            ..variable("KUBECONFIG", "*")
        },
    ];
    if id.is_multiple_of(4) {
        variables.pop();
    }
    variables
}
