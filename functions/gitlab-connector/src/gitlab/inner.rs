//! Lists within rows. GitLab gives 100 of each at most beside its row, and tells whether that was all; the rest is had
//! by the row's own id. See docs/gitlab.md#inner-lists.

use serde_json::{Value as Json, json};

use crate::gitlab::graphql::{Field, Selection};
use crate::gitlab::list::{Connection, Owner, RowKind};
use crate::gitlab::page::{LeftOut, Page};
use crate::gitlab::purpose::Purpose;
use crate::gitlab::{Client, Error, number_of, pager};

/// The same fields; each list among them also tells whether it goes on. One whose size is named is its reader's business.
pub fn with_ends(mut fields: Selection) -> Selection {
    for field in fields.0.iter_mut().filter(|field| is_list(field)) {
        if !field.selection.has("pageInfo") {
            let end = Field::new("pageInfo").of(Selection(vec![Field::new("hasNextPage")]));
            field.selection.0.insert(0, end);
        }
    }
    fields
}

/// Whether all of a list within a row is here. One that is null, or does not tell, is not.
pub fn is_whole(list: &Json) -> bool {
    list["nodes"].is_array() && list["pageInfo"]["hasNextPage"] == false
}

/// Reads the lists that are cut within these rows, which were asked for `fields`, from their beginnings to their ends. A
/// row at which that fails is left out: in part it would look as if what is missing were gone.
///
/// # Errors
/// What everybody else would meet, too.
pub async fn read_on(
    client: &Client,
    purpose: &Purpose,
    kind: RowKind,
    fields: &Selection,
    page: &mut Page,
) -> Result<(), Error> {
    let lists: Vec<&Field> = fields.0.iter().filter(|field| is_list(field)).collect();
    let mut cut = Vec::new();
    for (place, node) in page.nodes.iter().enumerate() {
        let Some(id) = node["id"].as_str().and_then(number_of) else {
            continue;
        };
        let of_node = lists
            .iter()
            .filter(|field| node[&*field.name]["pageInfo"]["hasNextPage"] == true);
        cut.extend(of_node.map(|field| (place, id, *field)));
    }
    if cut.is_empty() {
        return Ok(());
    }
    let whole = cut.iter().map(|(_, id, field)| {
        let inner = field.selection.0.iter().find(|inner| inner.name == "nodes");
        Connection::new(Owner::Row(kind, *id), field.name.clone())
            .nodes(inner.map(|inner| inner.selection.clone()).unwrap_or_default())
    });
    let purpose = Purpose::new(purpose.stream, format!("{}Within", purpose.operation));
    let found = pager::all_of(client, &purpose, whole.collect()).await?;
    let mut failed = Vec::new();
    for ((place, _, field), found) in cut.into_iter().zip(found) {
        let node = &mut page.nodes[place];
        let error = match found {
            Ok(found) => match found.left_out.into_iter().next() {
                None => {
                    // After rows that are hidden GitLab tells no way on.
                    node[&*field.name] = json!({"nodes": found.nodes, "pageInfo": {"hasNextPage": found.has_next}});
                    continue;
                }
                Some(left_out) => left_out.error,
            },
            Err(error) => error.to_string(),
        };
        let row = json!({"id": node["id"], "iid": node["iid"], "webUrl": node["webUrl"]});
        let error = format!("{error} (reading all of its {})", field.name);
        failed.push((
            place,
            LeftOut {
                row,
                field: None,
                error,
            },
        ));
    }
    failed.dedup_by_key(|(place, _)| *place);
    for (place, left_out) in failed.into_iter().rev() {
        page.nodes.remove(place);
        page.left_out.push(left_out);
    }
    Ok(())
}

/// Whether a field is a list of which GitLab gives a first page.
fn is_list(field: &Field) -> bool {
    field.selection.has("nodes") && field.argument("first").is_none()
}
