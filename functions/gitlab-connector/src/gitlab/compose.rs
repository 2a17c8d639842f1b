//! Puts lists together into one query, and takes their pages out of its answer.

use std::collections::HashMap;

use serde_json::Value as Json;

use crate::gitlab::cost::LARGEST_PAGE;
use crate::gitlab::error::Fault;
use crate::gitlab::gid;
use crate::gitlab::graphql::{Argument, Field, Selection};
use crate::gitlab::list::{Connection, Owner};
use crate::gitlab::page::{LeftOut, Page};

/// A list as it is asked for in one request: all of it, or some of its rows.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Which of the lists that are fetched together it is.
    pub list: usize,
    pub connection: Connection,
}

/// Lists in one query.
pub struct Composed {
    pub query: Selection,
    places: Vec<Place>,
}

/// Where a list is in the answer.
struct Place {
    /// The key at the top.
    root: String,
    /// The id of its project, where several are named in one field.
    project: Option<String>,
    /// The key within its owner; `None`: it is at the top itself.
    key: Option<String>,
}

/// What came of a list in an answer.
pub enum ListOutcome {
    Page(Page),
    /// GitLab does not show the owner.
    Missing,
    /// GitLab failed at it.
    Failed,
}

/// An owner, with its lists.
#[derive(PartialEq)]
struct Bundle {
    beside: Selection,
    lists: Vec<Field>,
}

impl Bundle {
    fn selection(self) -> Selection {
        let mut selection = Selection(vec![Field::new("id")]).and(&self.beside);
        selection.0.extend(self.lists);
        selection
    }
}

/// Puts lists into one query: those of one owner below it, and those that are alike of several projects below a list of
/// these projects, which costs much less than asking for each.
pub fn compose(asks: &[Ask]) -> Composed {
    let mut owners: Vec<(&Owner, Bundle)> = Vec::new();
    let mut known: HashMap<&Owner, usize> = HashMap::new();
    let mut places: Vec<Place> = Vec::new();
    let mut query = Selection::default();
    let mut of_owner: Vec<(usize, usize)> = Vec::new();
    for (index, ask) in asks.iter().enumerate() {
        let (owner, field) = (&ask.connection.owner, ask.connection.to_field());
        if *owner == Owner::GitLab {
            let root = format!("g{index}");
            query = query.with(field.named(root.clone()));
            places.push(Place {
                root,
                project: None,
                key: None,
            });
            continue;
        }
        let place = *known.entry(owner).or_insert_with(|| {
            let bundle = Bundle {
                beside: Selection::default(),
                lists: Vec::new(),
            };
            owners.push((owner, bundle));
            owners.len() - 1
        });
        let bundle = &mut owners[place].1;
        let key = format!("l{}", bundle.lists.len());
        if !ask.connection.field.is_empty() {
            bundle.lists.push(field.named(key.clone()));
        }
        bundle.beside = std::mem::take(&mut bundle.beside).and(&ask.connection.beside);
        of_owner.push((index, place));
        places.push(Place {
            root: String::new(),
            project: None,
            key: Some(key),
        });
    }
    let mut roots: Vec<String> = Vec::new();
    let mut alike: Vec<(Bundle, Vec<i64>)> = Vec::new();
    let mut alike_of: HashMap<usize, (usize, i64)> = HashMap::new();
    for (place, (owner, bundle)) in owners.into_iter().enumerate() {
        roots.push(format!("o{place}"));
        let Owner::Project(id) = owner else {
            query = query.with(field_of(owner).named(format!("o{place}")).of(bundle.selection()));
            continue;
        };
        let full = |ids: &Vec<i64>| ids.len() >= LARGEST_PAGE as usize;
        let group = alike.iter().position(|(known, ids)| !full(ids) && *known == bundle);
        let group = group.unwrap_or_else(|| {
            alike.push((bundle, Vec::new()));
            alike.len() - 1
        });
        alike[group].1.push(*id);
        alike_of.insert(place, (group, *id));
    }
    for (group, (bundle, ids)) in alike.into_iter().enumerate() {
        let names: Vec<String> = ids.iter().map(|id| gid("Project", *id)).collect();
        let projects = Field::new("projects")
            .with("ids", Argument::ids(&names))
            .with(
                "first",
                Argument::number(u32::try_from(ids.len()).unwrap_or(LARGEST_PAGE)),
            )
            .of(Selection(vec![Field::new("nodes").of(bundle.selection())]));
        query = query.with(projects.named(format!("p{group}")));
    }
    for (index, place) in of_owner {
        match alike_of.get(&place) {
            Some((group, id)) => {
                places[index].root = format!("p{group}");
                places[index].project = Some(gid("Project", *id));
            }
            None => places[index].root.clone_from(&roots[place]),
        }
    }
    Composed { query, places }
}

fn field_of(owner: &Owner) -> Field {
    match owner {
        Owner::Group(path) => Field::new("group").with("fullPath", Argument::id(path)),
        Owner::ProjectAt(path) => Field::new("project").with("fullPath", Argument::id(path)),
        Owner::Row(kind, id) => {
            let id = Json::String(gid(kind.name, *id));
            Field::new(kind.field).with("id", Argument::Variable(kind.id, id))
        }
        Owner::GitLab | Owner::Project(_) => unreachable!("they are asked for in another way"),
    }
}

impl Composed {
    /// What came of each list, in their order. `faults` are GitLab's errors beside the data.
    pub fn outcomes(&self, asks: &[Ask], data: &mut Json, faults: &[Fault]) -> Vec<ListOutcome> {
        let outcomes = self.places.iter().zip(asks);
        outcomes
            .map(|(place, ask)| place.outcome(&ask.connection, data, faults))
            .collect()
    }
}

impl Place {
    fn outcome(&self, connection: &Connection, data: &mut Json, faults: &[Fault]) -> ListOutcome {
        let mut path: Vec<Json> = vec![self.root.as_str().into()];
        let mut found = &mut data[&self.root];
        if let Some(id) = &self.project {
            let nodes = found["nodes"].as_array_mut();
            let at = nodes
                .as_ref()
                .and_then(|nodes| nodes.iter().position(|node| node["id"] == **id));
            let Some(at) = at else {
                // An error may be why; only without one is the project not shown.
                let fault = faults
                    .iter()
                    .find(|fault| fault.path.is_empty() || fault.path[0] == path[0]);
                return fault.map_or(ListOutcome::Missing, |_| ListOutcome::Failed);
            };
            path.extend(["nodes".into(), at.into()]);
            found = &mut found["nodes"][at];
        }
        let owner_fails = |fault: &&Fault| fault.path.is_empty() || path.starts_with(&fault.path);
        if faults.iter().any(|fault| owner_fails(&fault)) {
            return ListOutcome::Failed;
        }
        if found.is_null() && self.key.is_some() {
            return ListOutcome::Missing;
        }
        let mut list = match &self.key {
            Some(_) if connection.field.is_empty() => Json::Null,
            Some(key) => {
                path.push(key.as_str().into());
                found[key].take()
            }
            None => found.take(),
        };
        let mut left_out = Vec::new();
        let identity = connection.identity();
        for fault in faults.iter().filter(|fault| fault.path.starts_with(&path)) {
            let row = match &fault.path[path.len()..] {
                [nodes, at, field, ..] if nodes == "nodes" => {
                    let row = at.as_u64().map(|at| &list["nodes"][at as usize]);
                    row.filter(|row| row.is_object()).zip(field.as_str())
                }
                _ => None,
            };
            let Some((row, field)) = row else {
                return ListOutcome::Failed;
            };
            let names = identity
                .0
                .iter()
                .map(|name| (name.name.to_string(), row[&*name.name].clone()));
            left_out.push(LeftOut {
                row: names.collect(),
                field: Some(field.to_owned()),
                error: fault.message.clone(),
            });
        }
        let mut page = Page::of(std::mem::take(&mut list));
        page.left_out = left_out;
        if let (Some(_), Json::Object(owner)) = (&self.key, &*found) {
            page.owner = owner
                .iter()
                .filter(|(key, _)| !is_list(key))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
        }
        ListOutcome::Page(page)
    }
}

/// Whether a key of an owner is one of its lists.
fn is_list(key: &str) -> bool {
    key.strip_prefix('l').is_some_and(|rest| rest.parse::<usize>().is_ok())
}

/// These lists, all of each.
pub fn asks_of(lists: Vec<Connection>) -> Vec<Ask> {
    let numbered = lists.into_iter().enumerate();
    numbered.map(|(list, connection)| Ask { list, connection }).collect()
}
