//! Rows, fields, lists and texts at which GitLab fails, and what nobody can know because of them.

use std::collections::BTreeMap;

use gitlab_sim::random::Random;
use local_stack::{Failed, Gitlab};
use serde_json::{Value, json};

use crate::checks::others::REST;

/// Rows of GitLab, or of the warehouse, by table.
pub type Tables = BTreeMap<&'static str, Vec<Value>>;

/// Something at which GitLab fails.
#[derive(Clone, Debug)]
pub struct Failing {
    table: &'static str,
    /// Of a list, its project's.
    id: u64,
    project: Value,
    of: &'static str,
    field: &'static str,
    poison: Value,
    /// Whether it is never healed.
    pub for_ever: bool,
}

/// What nobody can know because of it.
#[derive(Debug, Default)]
pub struct Blind {
    /// Endings of the addresses that name it; any of them will do.
    pub names: Vec<String>,
    /// Rows of these tables with this number in this column may be missing, or older.
    pub rows: Vec<(&'static str, &'static str, u64)>,
    /// These rows are there, and may have nothing in some columns.
    pub fields: Vec<(&'static str, u64)>,
    /// In these rows a text of this column may end with U+FFFD.
    pub odd: Vec<(&'static str, u64, &'static str)>,
    /// It is only missed where there were rows of it before.
    pub is_list: bool,
}

/// Those of [`FIELDS`] that are of rows.
const ROWS: usize = 19;
/// Table, type and field of what may fail; fields that can be null, and such that can't.
const FIELDS: [(&str, &str, &str); 22] = [
    ("merge_requests", "MergeRequest", "diffStatsSummary"),
    ("merge_requests", "MergeRequest", "description"),
    ("merge_requests", "MergeRequest", "commitCount"),
    ("merge_requests", "MergeRequest", "mergeUser"),
    ("merge_requests", "MergeRequest", "title"),
    ("merge_requests", "MergeRequest", "approvedBy"),
    ("merge_requests", "MergeRequest", "reviewers"),
    ("merge_requests", "MergeRequest", "assignees"),
    ("merge_requests", "MergeRequest", "labels"),
    ("issues", "Issue", "description"),
    ("issues", "Issue", "dueDate"),
    ("issues", "Issue", "title"),
    ("pipelines", "Ci::Pipeline", "duration"),
    ("pipelines", "Ci::Pipeline", "coverage"),
    ("pipelines", "Ci::Pipeline", "iid"),
    ("mr_notes", "Note", "author"),
    ("mr_notes", "Note", "body"),
    ("users", "User", "publicEmail"),
    ("users", "User", "lastActivityOn"),
    ("merge_requests", "Project", "mergeRequests"),
    ("issues", "Project", "issues"),
    ("pipelines", "Project", "pipelines"),
];

/// Texts: table, type and field, which has its column's name.
const TEXTS: [(&str, &str, &str); 5] = [
    ("merge_requests", "MergeRequest", "title"),
    ("merge_requests", "MergeRequest", "description"),
    ("issues", "Issue", "title"),
    ("issues", "Issue", "description"),
    ("mr_notes", "Note", "body"),
];
/// A list of the REST API.
const LISTED: (&str, &str, &str) = (REST, "/projects/:id/environments", "name");

/// Fields that can't be null, so that the row fails with them.
const NEVER_NULL: [&str; 3] = ["title", "iid", "body"];
/// What belongs to a merge request.
const CHILDREN: [(&str, &str); 5] = [
    ("mr_approvals", "approvedBy"),
    ("mr_reviewers", "reviewers"),
    ("mr_assignees", "assignees"),
    ("mr_labels", "labels"),
    ("mr_notes", "notes"),
];

/// Up to eight things at which GitLab is to fail, among them a row that is an HTTP error for whatever page it is on, a list
/// of the REST API and an odd text. With more rows of the first kind a round would take long: the connector gives each
/// half a minute when it meets it first.
pub fn some(random: &mut Random, tables: &Tables, before: &[Failing]) -> Vec<Failing> {
    let mut failing: Vec<Failing> = Vec::new();
    let of_any = |of: &[_], random: &mut Random| of[random.below(of.len() as u64) as usize];
    for nth in 0..3 + random.below(6) {
        let (table, of, field) = match nth {
            0 => of_any(&FIELDS[..ROWS], random),
            1 => LISTED,
            2 => of_any(&TEXTS, random),
            _ => of_any(&FIELDS, random),
        };
        let code = [500, 503][random.below(2) as usize];
        let status = json!({"status": code});
        let poison = match nth {
            0 => status,
            1 => [json!("error"), status][random.below(2) as usize].clone(),
            2 => ["surrogate", "not_utf8"][random.below(2) as usize].into(),
            _ if of == "Project" => json!("null"),
            _ => json!("error"),
        };
        let rows = &tables[table];
        if rows.is_empty() {
            continue;
        }
        let row = &rows[random.below(rows.len() as u64) as usize];
        let id = &row[if of == "Project" { "project_id" } else { "id" }];
        let one = Failing {
            table,
            id: id.as_u64().unwrap_or_default(),
            project: row["project_id"].clone(),
            of,
            field,
            poison,
            for_ever: random.below(4) == 0,
        };
        if !before.iter().chain(&failing).any(|other| one.is_beside(other)) {
            failing.push(one);
        }
    }
    failing
}

/// Makes GitLab fail at these, and at nothing else.
///
/// # Errors
/// If it does not take that.
pub fn set(gitlab: &Gitlab, failing: &[Failing]) -> Result<(), Failed> {
    let rules = failing
        .iter()
        .map(|one| json!({"of": one.of, "id": one.id, "field": one.field, "poison": one.poison}));
    gitlab.faults(&json!({"poison": rules.collect::<Vec<_>>()}))
}

impl Failing {
    /// Whether it is the same thing, or one of them is a list that the other one is in: nobody meets a row of a list that is
    /// null.
    fn is_beside(&self, other: &Self) -> bool {
        let list = |one: &Self| {
            if one.table == "mr_notes" {
                "merge_requests"
            } else {
                one.table
            }
        };
        let is_list = self.of == "Project" || other.of == "Project";
        let is_same = self.table == other.table && self.id == other.id;
        is_same || is_list && list(self) == list(other) && self.project == other.project
    }

    /// What it hides of GitLab as it is now; nothing if it is gone from there.
    pub fn blind(&self, tables: &Tables) -> Option<Blind> {
        let (id, field) = (self.id, self.field);
        let named = |table: &str, id: u64| tables[table].iter().find(|row| row["id"] == id);
        if self.of == "Project" {
            let path = named("projects", id)?["full_path"].as_str()?;
            let mut rows = vec![(self.table, "project_id", id)];
            if self.table == "merge_requests" {
                let of_project = tables["merge_requests"].iter().filter(|row| row["project_id"] == id);
                rows.extend(of_project.filter_map(|row| row["id"].as_u64()).flat_map(whole));
            }
            return Some(Blind {
                names: vec![format!("{} of {path}", self.table)],
                rows,
                is_list: true,
                ..Blind::default()
            });
        }
        let row = named(self.table, id)?;
        if ["surrogate", "not_utf8"].iter().any(|odd| self.poison == *odd) {
            let is_text = row[field].is_string();
            return is_text.then(|| Blind {
                odd: vec![(self.table, id, field)],
                ..Blind::default()
            });
        }
        if self.table == REST {
            let project = row["project_id"].as_u64()?;
            return Some(Blind {
                names: vec![format!("{REST}: projects/{project}/{REST}")],
                rows: vec![(REST, "project_id", project)],
                ..Blind::default()
            });
        }
        let takes_row = self.poison != "error" || NEVER_NULL.contains(&field);
        let address = |row: &Value| {
            let url = row["web_url"].as_str().unwrap_or_default();
            url.splitn(4, '/').nth(3).unwrap_or_default().to_owned()
        };
        let mut blind = Blind::default();
        match self.table {
            "merge_requests" | "issues" => blind.names.push(address(row)),
            "mr_notes" => {
                let parent = row["merge_request_id"].as_u64()?;
                blind.names.push(address(named("merge_requests", parent)?));
                blind.names.push(format!("Note/{id}"));
                if self.poison != "error" {
                    blind.rows.extend(whole(parent));
                }
            }
            _ => {
                blind.names.push(format!("gid://gitlab/{}/{id}", self.of));
                let user = row["username"].as_str();
                blind.names.extend(user.map(|name| format!("/{name}")));
            }
        }
        match (self.table, takes_row) {
            ("merge_requests", true) => blind.rows.extend(whole(id)),
            (table, true) => blind.rows.push((table, "id", id)),
            (table, false) => blind.fields.push((table, id)),
        }
        let child = CHILDREN
            .iter()
            .find(|(_, list)| self.table == "merge_requests" && *list == field);
        blind
            .rows
            .extend(child.map(|(table, _)| (*table, "merge_request_id", id)));
        Some(blind)
    }
}

/// A merge request with all that belongs to it.
fn whole(id: u64) -> Vec<(&'static str, &'static str, u64)> {
    let children = CHILDREN.map(|(table, _)| (table, "merge_request_id", id));
    [("merge_requests", "id", id)].into_iter().chain(children).collect()
}
