//! The streams: one file each, which states the raw table, where its rows come from, and how an answer
//! of GitLab becomes a row. All of it stands in one list, so that a column can't lack a part.

#[cfg(test)]
mod docs;
mod node;
mod read;
pub mod rejected;
mod stream;

mod boards;
mod branches;
mod commits;
mod deployment_merge_requests;
mod deployments;
mod environments;
mod epic_issues;
mod epics;
pub mod groups;
mod issue_label_events;
pub mod issue_notes;
mod issue_state_events;
pub mod issues;
mod iterations;
mod jobs;
mod labels;
mod members;
pub mod merge_requests;
mod milestones;
mod mr_approvals;
mod mr_assignees;
mod mr_closes_issues;
mod mr_commits;
mod mr_details;
mod mr_diff_files;
mod mr_label_events;
mod mr_labels;
pub mod mr_notes;
mod mr_reviewers;
mod mr_state_events;
pub mod pipelines;
pub mod projects;
mod releases;
mod tags;
pub mod users;
mod variables;
mod vulnerabilities;

use mergemind_shared::warehouse::Table;

use crate::ledger::{Entry, Gap};

pub use node::{Malformed, Node};
pub use read::{ChangedList, Of, OwnedList, Part, Read, Rest, ToldBy};
pub use stream::{GROUP, Mapped, PROJECT, Stream};
#[cfg(test)]
pub use stream::{Shape, field};

/// All streams, those that are switched off included.
pub struct Streams {
    all: Vec<Stream>,
    /// Where rows go that can't be mapped.
    pub rejected: Table,
    /// What is there of each project, and what is not.
    pub ledger: Table,
    /// What could not be read.
    pub gaps: Table,
}

impl Streams {
    /// Builds them. What others refer to comes first; summaries and commits keep this order.
    pub fn new() -> Self {
        let all = vec![
            groups::stream(),
            projects::stream(),
            users::stream(),
            labels::stream(),
            milestones::stream(),
            merge_requests::stream(),
            mr_approvals::stream(),
            mr_reviewers::stream(),
            mr_assignees::stream(),
            mr_labels::stream(),
            mr_notes::stream(),
            pipelines::stream(),
            issues::stream(),
            issue_notes::stream(),
            issue_label_events::stream(),
            issue_state_events::stream(),
            mr_details::stream(),
            mr_closes_issues::stream(),
            mr_commits::stream(),
            mr_diff_files::stream(),
            mr_state_events::stream(),
            mr_label_events::stream(),
            commits::stream(),
            branches::stream(),
            tags::stream(),
            releases::stream(),
            jobs::stream(),
            deployments::stream(),
            deployment_merge_requests::stream(),
            environments::stream(),
            members::of_groups(),
            members::of_projects(),
            variables::of_groups(),
            variables::of_projects(),
            boards::of_groups(),
            boards::of_projects(),
            epics::stream(),
            epic_issues::stream(),
            iterations::stream(),
            vulnerabilities::stream(),
        ];
        Self {
            all,
            rejected: rejected::table(),
            ledger: Entry::table(),
            gaps: Gap::table(),
        }
    }

    /// These, and some more.
    #[cfg(test)]
    pub fn with(mut self, more: Vec<Stream>) -> Self {
        self.all.extend(more);
        self
    }

    /// Every stream.
    pub fn all(&self) -> impl Iterator<Item = &Stream> {
        self.all.iter()
    }

    /// GitLab's names of the types of their nodes, each once.
    pub fn types(&self) -> Vec<&'static str> {
        let mut types: Vec<_> = self.all.iter().filter_map(|stream| stream.node_type).collect();
        types.sort_unstable();
        types.dedup();
        types
    }

    /// The stream of that name, if there is one.
    pub fn find(&self, name: &str) -> Option<&Stream> {
        self.all.iter().find(|stream| stream.name() == name)
    }

    /// The stream of a name that stands in this program.
    pub fn named(&self, name: &str) -> &Stream {
        self.find(name).expect("a stream's name")
    }

    /// The streams that are lists of GitLab's REST API.
    pub fn rest(&self) -> impl Iterator<Item = (&Stream, Rest)> {
        self.all.iter().filter_map(|stream| match stream.read {
            Read::Rest(rest) => Some((stream, rest)),
            _ => None,
        })
    }

    /// The streams that groups and projects own.
    pub fn owned(&self) -> impl Iterator<Item = (&Stream, OwnedList)> {
        self.all.iter().filter_map(|stream| match stream.read {
            Read::Owned(list) => Some((stream, list)),
            _ => None,
        })
    }

    /// What [`Stream::refers`] says of all streams: which, by which column, and to which.
    pub fn references(&self) -> impl Iterator<Item = (&Stream, &'static str, &'static str)> {
        let of_stream = |stream| move |(column, other): &(_, _)| (stream, *column, *other);
        self.all
            .iter()
            .flat_map(move |stream| stream.refers.iter().map(of_stream(stream)))
    }

    /// The streams whose rows stand within nodes of the stream `of`.
    pub fn within<'a>(&'a self, of: &'a str) -> impl Iterator<Item = (&'a Stream, &'static str)> + 'a {
        self.all.iter().filter_map(move |stream| match stream.read {
            Read::Within { of: parent, at, .. } if parent == of => Some((stream, at)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recommended_streams_are_synced_by_choice() {
        let streams = Streams::new();
        let by_choice = |name: &&str| streams.find(name).is_some_and(|stream| !stream.usual);
        assert!(mergemind_shared::streams::RECOMMENDED_STREAMS.iter().all(by_choice));
    }

    #[test]
    fn every_stream_is_sound() {
        let streams = Streams::new();
        let mut names: Vec<_> = streams.all().map(Stream::name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|two| two[0] != two[1]), "{names:?}");
        for stream in streams.all() {
            let table = &stream.table;
            let has = |name: &str| table.position(name).is_some();
            assert!(table.primary_key.iter().all(|key| has(key)), "{}", table.name);
            assert!(table.cluster_by.iter().all(|name| has(name)), "{}", table.name);
            assert!(table.version.is_none_or(has), "{}", table.name);
            assert!(table.partition_by.is_none_or(has), "{}", table.name);
            assert!(stream.parent.is_none_or(has), "{}", table.name);
            let above = stream.read.above().map(|name| &streams.named(name).table);
            let told = |name: &str| above.is_some_and(|above| above.position(name).is_some());
            let is_sound = |told_by| match told_by {
                ToldBy::Number(column) => told(column),
                ToldBy::ByPeople(column) => told(column) && has("system"),
                ToldBy::Ids(column, own) => told(column) && has(own),
            };
            assert!(stream.told_by.is_none_or(is_sound), "{}", table.name);
            for (column, other) in stream.refers {
                assert!(has(column) && streams.find(other).is_some(), "{}", table.name);
            }
            let compared = stream.fingerprint.map(|fingerprint| fingerprint.columns);
            assert!(
                compared.unwrap_or_default().iter().all(|name| has(name)),
                "{}",
                table.name
            );
            let mut names: Vec<_> = table.all_columns().map(|column| column.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), table.all_columns().count(), "{}", table.name);
            for column in &table.columns {
                assert!(column.description.ends_with('.'), "{}.{}", table.name, column.name);
            }
        }
    }
}
