//! What dbt can be told to do.

/// One of the actions that a caller may name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Action {
    /// Models, seeds, snapshots and tests, in the order of the graph.
    #[default]
    Build,
    /// Tests alone.
    Test,
    /// The project's documentation: `catalog.json` and the page that shows it.
    Docs,
    /// How old the sources' data is.
    Freshness,
    /// Again what failed or was skipped in the last run.
    Retry,
}

impl Action {
    /// All of them, as callers name them.
    pub const NAMES: [&'static str; 5] = ["run_dbt", "test", "docs", "freshness", "retry"];

    /// The action of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Build, Self::Test, Self::Docs, Self::Freshness, Self::Retry]
            .into_iter()
            .find(|action| action.name() == name)
    }

    /// The name that callers use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Build => Self::NAMES[0],
            Self::Test => Self::NAMES[1],
            Self::Docs => Self::NAMES[2],
            Self::Freshness => Self::NAMES[3],
            Self::Retry => Self::NAMES[4],
        }
    }

    /// dbt's command.
    pub fn command(self) -> &'static [&'static str] {
        match self {
            Self::Build => &["build"],
            Self::Test => &["test"],
            Self::Docs => &["docs", "generate", "--static"],
            Self::Freshness => &["source", "freshness"],
            Self::Retry => &["retry"],
        }
    }

    /// The file in dbt's target directory that tells how its nodes fared.
    pub fn results_file(self) -> &'static str {
        match self {
            Self::Freshness => "sources.json",
            _ => "run_results.json",
        }
    }
}
