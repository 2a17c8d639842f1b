//! What all parts of one sync share.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use mergemind_shared::functions_framework::Shutdown;
use mergemind_shared::warehouse::Lease;
use serde_json::Value as Json;
use time::OffsetDateTime;

use crate::config::Options;
use crate::gitlab::{self, Client, Instance, LARGEST_PAGE};
use crate::ledger::{Entry, Gap, GapReason, is_due};
use crate::streams::{Node, Read, Stream, Streams};
use crate::sync::changed_rows::WrittenIds;
use crate::sync::error::Error;
use crate::sync::lock::lock;
use crate::sync::pass::Pass;
use crate::sync::raw_tables::RawTables;
use crate::sync::read_limit::ReadLimit;
use crate::sync::report::{Counters, ScopeProblem};
use crate::sync::state::After;
use crate::sync::verified::Verified;

/// The list of which only ids are asked, among page sizes.
pub const IDS: &str = "ids";

/// A list of a scope, and when the pass over it began.
pub type Asked = (&'static str, String, OffsetDateTime);

/// What a sync has found for the ledger.
#[derive(Default)]
pub struct News {
    /// The scope that is being synced.
    pub scope: String,
    pub entries: Vec<Entry>,
    /// Entries of lists that were read whole, whose rows in the raw tables are not counted yet.
    pub whole: Vec<Entry>,
    pub gaps: Vec<Gap>,
    /// Projects of which all lists were compared.
    pub compared: Vec<i64>,
    /// Ids of gaps that are no more.
    pub closed: Vec<i64>,
    /// Projects that are no more.
    pub ended: Vec<i64>,
}

/// What the ledger says.
#[derive(Default)]
pub struct Ledger {
    /// By project and stream.
    pub entries: HashMap<(i64, String), Entry>,
    /// By id.
    pub gaps: HashMap<i64, Gap>,
}

/// One sync.
pub struct Session<'a> {
    pub sync_id: String,
    pub options: &'a Options,
    /// Only these passes; empty: all. What a pass reads does not change, since its cursor stands for all of it.
    pub only: Vec<Pass>,
    pub client: &'a Client,
    pub streams: &'a Streams,
    pub tables: &'a dyn RawTables,
    pub instance: Instance,
    pub shutdown: Shutdown,
    pub deadline: Instant,
    /// Until when it reads from GitLab.
    pub reads: ReadLimit,
    /// The right to write; none where nobody else can.
    pub lease: Option<Lease>,
    /// Users this sync has already written.
    pub known_users: Mutex<HashSet<i64>>,
    /// Full paths of projects, by id, as far as this sync has met them.
    pub paths: Mutex<BTreeMap<i64, String>>,
    /// Projects in which something may have happened since the last sync, by scope; `None` before it is known.
    pub active: Mutex<HashMap<String, HashSet<i64>>>,
    /// Lists that are not offered, by stream.
    pub absent: Mutex<BTreeMap<&'static str, u64>>,
    /// The projects of each group, by id, once they have been asked for.
    pub projects: Mutex<HashMap<String, BTreeMap<i64, String>>>,
    /// Of each scope: where the pages of its list of projects began when it was last read.
    pub project_pages: Mutex<HashMap<String, Vec<Option<After>>>>,
    /// Of scopes of single projects: those in which a list has changed, once that was asked.
    pub changed: Mutex<HashMap<Asked, Vec<i64>>>,
    /// Lists without any change, as a first question showed: by stream and scope.
    pub unchanged: Mutex<HashSet<(&'static str, String)>>,
    /// Where lists of the REST API that are read in parts have been, by stream and address.
    pub rest_pages: Mutex<HashMap<(&'static str, String), gitlab::Seen>>,
    pub counters: Mutex<Counters>,
    /// Which merge requests were written.
    pub changed_rows: Mutex<WrittenIds>,
    /// Whether this sync has noted already that dbt has to run.
    pub dbt_due: AtomicBool,
    /// Whether deletions are done however many they are.
    pub confirm_deletions: AtomicBool,
    /// Whether all that has failed is tried again, however long it has.
    pub retry_all: AtomicBool,
    /// What the ledger is to be told of.
    pub news: Mutex<News>,
    /// What differs, if that is asked for.
    pub verified: Mutex<Option<Verified>>,
    /// What the ledger says, once it was read.
    pub ledger: Mutex<Option<Ledger>>,
    /// What went wrong without stopping a scope.
    pub warnings: Mutex<Vec<ScopeProblem>>,
    /// How many rows of a list are asked for at once, at most.
    pub pages: HashMap<&'static str, u32>,
    /// Notes that come with each row; of rows with more, all are asked for by number.
    pub notes_inside: u32,
    /// Rows of each project where several are asked about at once; what is beyond is read project by project.
    pub rows_of_each: u32,
}

/// Most rows have fewer notes. GitLab scores a list by how many rows it may hold (docs/gitlab.md#score), so with more of
/// them a page of 100 merge requests would be above its limit.
const NOTES_INSIDE: u32 = 30;
/// Of ten projects these are two pages' worth.
const ROWS_OF_EACH: u32 = 20;

impl<'a> Session<'a> {
    /// A sync that has not done anything yet.
    pub fn new(
        options: &'a Options,
        client: &'a Client,
        streams: &'a Streams,
        tables: &'a dyn RawTables,
        instance: Instance,
        shutdown: Shutdown,
    ) -> Self {
        let changed = streams.all().filter(|stream| matches!(stream.read, Read::Changes(_)));
        let pages = changed.map(Stream::name).chain([IDS]);
        Self {
            sync_id: uuid::Uuid::new_v4().to_string(),
            options,
            only: Vec::new(),
            client,
            streams,
            tables,
            instance,
            shutdown,
            deadline: Instant::now() + options.deadline,
            reads: ReadLimit::of(options.deadline),
            lease: None,
            known_users: Mutex::default(),
            paths: Mutex::default(),
            active: Mutex::default(),
            absent: Mutex::default(),
            projects: Mutex::default(),
            project_pages: Mutex::default(),
            changed: Mutex::default(),
            unchanged: Mutex::default(),
            rest_pages: Mutex::default(),
            counters: Mutex::default(),
            changed_rows: Mutex::default(),
            dbt_due: AtomicBool::new(false),
            confirm_deletions: AtomicBool::new(false),
            retry_all: AtomicBool::new(false),
            news: Mutex::default(),
            verified: Mutex::default(),
            ledger: Mutex::default(),
            warnings: Mutex::default(),
            notes_inside: NOTES_INSIDE,
            rows_of_each: ROWS_OF_EACH,
            pages: pages.map(|list| (list, LARGEST_PAGE)).collect(),
        }
    }

    /// Whether to stop at the next checkpoint.
    pub fn must_stop(&self) -> bool {
        self.shutdown.requested()
            || self.reads.is_over()
            || Instant::now() >= self.deadline
            || self
                .options
                .max_records
                .is_some_and(|most| lock(&self.counters).read() >= most)
    }

    /// Whether deletions are done however many they are.
    pub fn deletions_are_confirmed(&self) -> bool {
        self.confirm_deletions.load(Ordering::Relaxed)
    }

    /// Whether to try what fails since `since` and failed last at `failed_at`; microseconds since 1970.
    pub fn is_due(&self, since: i64, failed_at: i64) -> bool {
        self.retry_all.load(Ordering::Relaxed) || is_due(self.now(), since, failed_at)
    }

    /// Whether this only compares with GitLab.
    pub fn is_comparing(&self) -> bool {
        lock(&self.verified).is_some()
    }

    /// Whether a stream is synced.
    pub fn on(&self, stream: &str) -> bool {
        self.options.on(stream)
    }

    /// The fields to ask of a stream's nodes: those that this GitLab has.
    pub fn selection(&self, stream: &Stream) -> String {
        stream.selection(|field| self.instance.has(stream.node_type, field))
    }

    /// The same, to be asked for.
    pub fn fields(&self, stream: &Stream) -> gitlab::Selection {
        gitlab::Selection::parse(&self.selection(stream))
    }

    /// Keeps what GitLab could not give of a list, as warnings.
    pub fn warn_left_out(&self, scope: &dyn fmt::Display, left_out: &[gitlab::LeftOut]) {
        for left_out in left_out {
            let error = gitlab::Error::LeftOut(left_out.error.clone()).into();
            self.warn(scope, &left_out.name(), &error);
            self.gap(GapReason::LeftOut, left_out.name(), left_out.error.clone(), 1);
        }
    }

    /// Keeps what could not be read, or is not believed yet, for the ledger.
    pub fn gap(&self, reason: GapReason, address: String, message: String, rows: u64) {
        let mut news = lock(&self.news);
        let gap = Gap {
            scope: news.scope.clone(),
            reason,
            address,
            message,
            rows,
            since: self.now(),
            seen_at: self.now(),
        };
        news.gaps.push(gap);
    }

    /// When this sync began, by GitLab's clock, in microseconds since 1970.
    pub fn now(&self) -> i64 {
        i64::try_from(self.instance.at.unix_timestamp_nanos() / 1000).unwrap_or_default()
    }

    /// How many rows of a list to ask for at once.
    pub fn page(&self, list: &'static str) -> u32 {
        self.pages[list]
    }

    /// Notes a project's path, for questions about what is in it.
    pub fn learn_path(&self, id: i64, path: &str) {
        lock(&self.paths).insert(id, path.to_owned());
    }

    /// Keeps something that went wrong without stopping the scope.
    pub fn warn(&self, scope: &dyn fmt::Display, what: &str, error: &Error) {
        let problem = ScopeProblem::new(scope, what, error);
        tracing::warn!(scope = %scope, what, "{error}");
        lock(&self.warnings).push(problem);
    }

    /// Whether everything else would meet the same error. GitLab may fail at one project for ever, and yet
    /// be there for all others.
    pub async fn concerns_all(&self, error: &Error) -> bool {
        match error {
            Error::GitLab(error) => self.concerns_all_of_gitlab(error).await,
            Error::Warehouse(_) | Error::OtherGitLab { .. } | Error::TooLate => true,
        }
    }

    /// The same of GitLab's own errors.
    pub async fn concerns_all_of_gitlab(&self, error: &gitlab::Error) -> bool {
        match error {
            gitlab::Error::Unauthorized(_) | gitlab::Error::Redirected(_) | gitlab::Error::Untrusted(_) => true,
            gitlab::Error::Unavailable(_) | gitlab::Error::Blocked(_) => {
                let answers = async { Ok::<_, Error>(self.client.answers().await) };
                !self.reads.hold(answers).await.unwrap_or(false)
            }
            _ => false,
        }
    }

    /// The full path of the project that a node belongs to.
    pub fn path_of(&self, node: &Json) -> Option<String> {
        let id = Node::new(node).number("projectId")?;
        if let Some(path) = lock(&self.paths).get(&id) {
            return Some(path.clone());
        }
        let (address, _) = node["webUrl"].as_str()?.split_once("/-/")?;
        let path = url::Url::parse(address).ok()?.path().trim_matches('/').to_owned();
        Some(path)
    }
}
