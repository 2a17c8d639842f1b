//! From nodes of GitLab's answers to rows, with all that stands within them.

use serde_json::{Value as Json, json};

use crate::gitlab::{self, Selection, nodes_of, number_of};
use crate::streams::Read;
use crate::sync::list::List;
use crate::sync::read::notes;
use crate::sync::rows::Rows;
use crate::sync::session::Session;

/// Adds rows, what stands within their nodes, and their first notes.
pub fn map_nodes<'a>(session: &Session<'a>, list: &'static List, nodes: Vec<Json>, rows: &mut Rows<'a>) {
    let stream = session.streams.named(list.stream);
    let inner: Vec<_> = session
        .streams
        .within(list.stream)
        .filter(|(stream, _)| session.on(stream.name()))
        .collect();
    let is_left_out = |node: &Json| {
        session
            .path_of(node)
            .is_some_and(|path| session.options.excludes(&path))
    };
    for node in nodes {
        if !session.options.exclude.is_empty() && is_left_out(&node) {
            continue;
        }
        rows.map(stream, &node);
        let Some(id) = node["id"].as_str().and_then(number_of) else {
            continue;
        };
        let parent = json!({"id": node["id"], "projectId": node["projectId"]});
        for (stream, at) in &inner {
            let (mut below, whole) = match node[*at].clone() {
                // A plain list is never cut.
                Json::Array(below) => (below, true),
                mut connection => {
                    let whole = gitlab::is_whole(&connection);
                    (nodes_of(&mut connection), whole)
                }
            };
            for child in &mut below {
                child["_parent"] = parent.clone();
                rows.map(stream, child);
            }
            if whole {
                rows.complete(stream, id);
            }
        }
        if session.on(list.notes) {
            notes::take(session, list, node, rows);
        }
    }
}

/// What is asked of each node: the stream's fields, those of the streams within, and the first notes.
pub fn selection(session: &Session<'_>, list: &'static List) -> Selection {
    let mut fields = session.fields(session.streams.named(list.stream));
    for stream in session.streams.all().filter(|stream| session.on(stream.name())) {
        if let Read::Within { of, ask, .. } = stream.read
            && of == list.stream
        {
            fields = fields.and(&Selection::parse(ask));
        }
    }
    fields = gitlab::with_ends(fields);
    if session.on(list.notes) {
        fields = fields.with(notes::selection(session, list, session.notes_inside));
    }
    fields
}

/// Milestones tell only the path of their address.
pub fn complete(host: &str, node: &mut Json) {
    if let Some(path) = node["webPath"].as_str() {
        node["_webUrl"] = json!(format!("{host}{path}"));
    }
}

/// Scheme and host of an address.
pub fn host_of(address: &str) -> String {
    url::Url::parse(address).map_or(String::new(), |url| url.origin().ascii_serialization())
}
