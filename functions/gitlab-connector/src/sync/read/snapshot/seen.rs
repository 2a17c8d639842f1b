//! Maps what groups and projects own, and keeps what was seen of it: the rest is gone.

use std::collections::BTreeMap;

use mergemind_shared::warehouse::{SoftDelete, Within};
use serde_json::Value as Json;

use super::owned::{ListOwner, Owned, OwnerLists, Snapshot};
use crate::gitlab::{self, Page, Purpose};
use crate::streams::{Node, groups};
use crate::sync::bookkeeping;
use crate::sync::error::Error;
use crate::sync::read::nodes::{complete, host_of};
use crate::sync::read::shown::ShownRows;
use crate::sync::rows::Rows;
use crate::sync::session::Session;

/// What was seen of all owners: the rest of what they owned is gone.
#[derive(Default)]
pub struct SeenRows(BTreeMap<(&'static str, &'static str), SeenOwned>);

/// Owners, and what they own.
#[derive(Default)]
struct SeenOwned {
    owners: Vec<i64>,
    present: Vec<i64>,
}

impl SeenRows {
    fn add(&mut self, stream: &'static str, owner: ListOwner, id: i64, present: Vec<i64>) {
        let owned = self.0.entry((stream, owner.column())).or_default();
        owned.owners.push(id);
        owned.present.extend(present);
    }

    /// Marks the rest.
    pub fn soft_delete_into<'a>(self, session: &Session<'a>, rows: &mut Rows<'a>) {
        for ((stream, column), SeenOwned { owners, present }) in self.0 {
            rows.soft_deletes.push(SoftDelete {
                table: &session.streams.named(stream).table,
                within: vec![Within::OneOf(column, owners)],
                present,
            });
        }
    }
}

impl<'a> Snapshot<'_, 'a> {
    /// Maps what groups or projects own; what did not fit is read page by page.
    ///
    /// # Errors
    /// If GitLab fails at more than single lists, or the warehouse can't be asked.
    pub async fn take(
        &self,
        kind: ListOwner,
        found: Vec<OwnerLists<'a>>,
        rows: &mut Rows<'a>,
        seen: &mut SeenRows,
    ) -> Result<(), Error> {
        let (mut owned, mut open) = (Vec::new(), Vec::new());
        for OwnerLists { node, lists } in found {
            let path = node["fullPath"].as_str().unwrap_or_default();
            if matches!(kind, ListOwner::Project) && self.session.options.excludes(path) {
                continue;
            }
            for (list, page) in lists {
                if let Some(after) = page.as_ref().ok().and_then(Page::next) {
                    let owner = match kind {
                        ListOwner::Group => node["fullPath"]
                            .as_str()
                            .map(|path| gitlab::Owner::Group(path.to_owned())),
                        ListOwner::Project => Node::new(&node).number("id").map(gitlab::Owner::Project),
                    };
                    open.extend(owner.map(|owner| (owned.len(), self.owned(kind, list, owner).after(Some(after)))));
                }
                owned.push((node.clone(), list, page));
            }
        }
        let lists = open.iter().map(|(_, list)| list.clone()).collect();
        let rest = gitlab::all_of(self.session.client, &Purpose::new(groups::NAME, "Owned"), lists).await?;
        for ((place, _), rest) in open.into_iter().zip(rest) {
            match (&mut owned[place].2, rest) {
                (Ok(page), Ok(rest)) => page.append(rest),
                (page, Err(error)) => *page = Err(error),
                (Err(_), Ok(_)) => {}
            }
        }
        for (node, list, page) in owned {
            match page {
                Ok(page) => self.take_list(kind, &node, list, page, rows, seen).await?,
                Err(error) => {
                    let what = format!("{} of {}", list.1.list, node["fullPath"].as_str().unwrap_or_default());
                    self.session.warn(self.scope, &what, &error.into());
                }
            }
        }
        Ok(())
    }

    async fn take_list(
        &self,
        kind: ListOwner,
        node: &Json,
        (stream, _): Owned<'_>,
        page: Page,
        rows: &mut Rows<'a>,
        seen: &mut SeenRows,
    ) -> Result<(), Error> {
        self.session.warn_left_out(self.scope, &page.left_out);
        let Some(id) = Node::new(node).number("id") else {
            return Ok(());
        };
        if matches!(kind, ListOwner::Project) {
            self.session
                .learn_path(id, node["fullPath"].as_str().unwrap_or_default());
        }
        let host = host_of(node["webUrl"].as_str().unwrap_or_default());
        // What GitLab fails at is there.
        let left_out = page
            .left_out
            .iter()
            .filter_map(|left_out| Node::new(&left_out.row).number("id"));
        let mut present: Vec<i64> = left_out.collect();
        let mut shown = ShownRows::default();
        shown.add_unread(page.left_out.iter().filter(|left_out| left_out.field.is_none()).count());
        for mut owned in page.nodes.into_iter().filter(|node| kind.owns(node)) {
            present.extend(Node::new(&owned).number("id"));
            owned[kind.key()] = node["id"].clone();
            complete(&host, &mut owned);
            shown.add(stream, &owned);
            rows.map(stream, &owned);
        }
        // A list that is not offered here, or not to this token, says nothing about what there is; nor does a part of one.
        if !page.is_null && !page.has_next {
            seen.add(stream.name(), kind, id, present);
            if matches!(kind, ListOwner::Project) && self.is_entered {
                shown.compare(self.session, stream, id).await?;
                bookkeeping::enter_whole(self.session, stream, id, shown.counted());
            }
        }
        Ok(())
    }
}
