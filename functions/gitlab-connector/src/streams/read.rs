//! How a stream's rows are read.

/// How a stream's rows are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// By time of update, as GitLab lists what changed.
    Changes(ChangedList),
    /// Whole, now and then: GitLab cannot list only those that changed.
    Snapshot,
    /// The same, together with the groups and projects that own them.
    Owned(OwnedList),
    /// Nodes within each node of another stream, which is asked for anyway.
    Within {
        /// The other stream.
        of: &'static str,
        /// The field that holds them.
        at: &'static str,
        /// What to ask for beside the other stream's own fields; empty if they hold it already.
        ask: &'static str,
    },
    /// Notes, all of them whenever their row of another stream changed, page by page.
    Notes {
        /// The other stream.
        of: &'static str,
    },
    /// When a row of another stream refers to one.
    Referenced,
    /// A list of GitLab's REST API.
    Rest(Rest),
}

/// A list of what groups and projects own. The arguments are GitLab's, each of them true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnedList {
    /// GitLab's GraphQL field.
    pub list: &'static str,
    /// What leaves those of a group alone.
    pub of_group: &'static [&'static str],
    /// What adds those of all groups above.
    pub with_ancestors: &'static [&'static str],
}

/// The lists that GitLab sorts, or filters, by time of update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangedList {
    /// Projects, and the pipelines in each.
    Projects,
    MergeRequests,
    Issues,
}

/// A list of GitLab's REST API, one for each group, project or row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// Whose list it is.
    pub of: Of,
    /// Its address below `/api/v4/`, with `{owner}` (a group's or project's id), and `{iid}` or `{id}` (a row's
    /// number or id).
    pub path: &'static str,
    /// What to add to its address.
    pub query: &'static str,
    /// How only a part of it is read; `None`: all of it is read each time, and what it lacks is gone.
    pub part: Option<Part>,
}

/// Whose list it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Group,
    Project,
    /// A row of this stream.
    Row(&'static str),
}

/// Which part of a list is read. The number is how many days before the last sync it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What this parameter, a time, lets through.
    Since(&'static str, i64),
    /// A list of descending times in this field, down to the time.
    DownTo(&'static str, i64),
}

impl Read {
    /// The stream whose rows its lists belong to, if it is one.
    pub fn above(self) -> Option<&'static str> {
        match self {
            Self::Within { of, .. } | Self::Notes { of } => Some(of),
            Self::Rest(rest) => match rest.of {
                Of::Row(stream) => Some(stream),
                Of::Group | Of::Project => None,
            },
            Self::Changes(_) | Self::Snapshot | Self::Owned(_) | Self::Referenced => None,
        }
    }
}

/// What GitLab tells, with a row, of the rows of another stream that belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToldBy {
    /// How many they are, in this column.
    Number(&'static str),
    /// How many of them are not by GitLab itself, in this column.
    ByPeople(&'static str),
    /// Which ones, in the first column; each has its own id in the second.
    Ids(&'static str, &'static str),
}
