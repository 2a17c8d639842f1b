//! A sync: for each scope some passes over GitLab, page by page, each page committed with its cursor; see
//! `passes` for what they are.
//!
//! Users that a page refers to are fetched and written with it, so a reference never dangles.

mod by_iids;
mod chosen;
mod context;
mod dimensions;
pub mod discovery;
mod engine;
mod error;
mod hidden;
#[cfg(test)]
mod histories;
mod lists;
mod notes;
mod options;
mod passes;
mod pipelines;
mod position;
mod projects;
mod reconcile;
mod request;
mod rows;
mod sink;
mod summary;
mod users;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mergemind_shared::ApiError;
use mergemind_shared::auth::Tokens;
use mergemind_shared::function::{Shutdown, TraceContext};
use mergemind_shared::warehouse::Warehouse;
use serde_json::Value;
use tokio::sync::{Mutex, OnceCell};

use crate::config::Config;
use crate::gitlab;
use crate::streams::Streams;

pub use error::Error;
pub use options::Options;
pub use request::Request;

/// A group with all that is below it, or one project: what a cursor belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A group's full path.
    Group(String),
    /// A project's full path.
    Project(String),
}

impl Scope {
    /// The full path.
    pub fn path(&self) -> &str {
        match self {
            Self::Group(path) | Self::Project(path) => path,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(path) => write!(f, "group:{path}"),
            Self::Project(path) => write!(f, "project:{path}"),
        }
    }
}

/// Runs syncs, one at a time. Cheap to clone.
#[derive(Clone)]
pub struct Syncer(Arc<Inner>);

struct Inner {
    config: Config,
    client: gitlab::Client,
    warehouse: Warehouse,
    streams: Streams,
    /// Held while a sync runs in this process. Two processes are kept apart by a lease, and if that should
    /// be lost, by their cursors' moves.
    running: Mutex<()>,
    /// When the last one began.
    began: std::sync::Mutex<Instant>,
    /// Raw tables are looked after once in a process.
    tables_ready: OnceCell<()>,
}

impl Inner {
    fn began(&self) {
        *context::lock(&self.began) = Instant::now();
    }

    fn running_for(&self) -> Duration {
        context::lock(&self.began).elapsed()
    }
}

impl Syncer {
    /// Prepares clients; nothing is sent yet.
    ///
    /// # Errors
    /// If there are no Google credentials, or TLS can't be started.
    pub async fn new(config: Config) -> Result<Self, String> {
        let client = gitlab::Client::new(&config.gitlab_url, config.gitlab_token.clone())
            .map_err(|e| format!("can't prepare requests to GitLab: {e}"))?;
        let warehouse = Warehouse::connect(config.warehouse.clone())
            .await
            .map_err(|e| e.to_string())?;
        Ok(Self(Arc::new(Inner {
            config,
            client,
            warehouse,
            streams: Streams::new(),
            running: Mutex::default(),
            began: std::sync::Mutex::new(Instant::now()),
            tables_ready: OnceCell::new(),
        })))
    }

    /// The tokens that callers may show; `None` where the platform checks callers.
    pub fn tokens(&self) -> Option<&Tokens> {
        self.0.config.tokens.as_ref()
    }

    /// What it was told.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Syncs what is asked for and then has dbt run.
    ///
    /// # Errors
    /// 409 while another sync runs; otherwise what stopped the sync. Pages committed before stay.
    pub async fn sync(&self, request: &Request, shutdown: Shutdown, trace: TraceContext) -> Result<Value, ApiError> {
        engine::sync(&self.0, request, shutdown, trace).await
    }
}
