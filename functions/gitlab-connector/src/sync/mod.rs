//! A sync: for each scope some passes over GitLab, page by page, each page committed with its cursor; see
//! `pass` for what they are.
//!
//! Users that a page refers to are fetched and written with it, so a reference never dangles.

mod bookkeeping;
mod changed_rows;
mod commit;
mod dbt_due;
mod discovery;
mod driver;
mod error;
#[cfg(test)]
mod fuzz;
mod gaps;
mod lease;
mod list;
mod lock;
mod missing_fields;
mod pass;
mod passes;
mod plan;
mod raw_tables;
mod read;
mod read_limit;
mod refetch;
mod report;
mod request;
mod resolve;
mod resources;
mod rows;
mod run;
mod scope;
mod session;
#[cfg(test)]
mod simulation;
mod state;
mod stop;
mod tables;
mod verified;
mod whose;

use std::sync::Arc;

use axum::http::StatusCode;
use mergemind_shared::ApiError;
use mergemind_shared::functions_framework::{Shutdown, TraceContext};
use mergemind_shared::warehouse::{Change, Position, Table, Warehouse};
use serde_json::Value;

use crate::config::{Config, Target};
use crate::gitlab::{self, Connection, Owner, Purpose};
use crate::streams::{Stream, Streams};

use error::Error;
use lock::lock;
use resources::{Ready, Resources, Running};

pub use read::lookup::Refetch;
pub use request::{LIMIT_FIELDS, REQUEST_FIELDS, Request};

/// Runs syncs, one at a time. Cheap to clone.
#[derive(Clone)]
pub struct Syncer(Arc<Resources>);

impl Syncer {
    /// Prepares clients; nothing is sent yet.
    ///
    /// # Errors
    /// If there are no Google credentials, or TLS can't be started.
    pub async fn new(config: Config) -> Result<Self, String> {
        Self::with(config, Arc::default()).await
    }

    /// One with other settings that takes turns with this one: a process runs one sync at a time.
    ///
    /// # Errors
    /// As [`Syncer::new`].
    pub async fn beside(&self, config: Config) -> Result<Self, String> {
        Self::with(config, self.0.running.clone()).await
    }

    async fn with(config: Config, running: Arc<Running>) -> Result<Self, String> {
        let client = gitlab::Client::new(
            &config.gitlab_url,
            config.gitlab_token.clone(),
            config.gitlab_ca_file.as_deref(),
        )
        .map_err(|e| format!("can't prepare requests to GitLab: {e}"))?;
        let warehouse = Warehouse::connect(config.warehouse.clone())
            .await
            .map_err(|e| e.to_string())?;
        Ok(Self(Arc::new(Resources {
            config,
            client,
            warehouse: Arc::new(warehouse),
            streams: Streams::new(),
            running,
            instance: std::sync::Mutex::default(),
            paths: std::sync::Mutex::default(),
            tables_ready: Ready::default(),
            is_ours: std::sync::atomic::AtomicBool::new(false),
        })))
    }

    /// What it was told.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Whether a project with this full path is synced.
    pub fn covers(&self, path: &str) -> bool {
        let path = path.to_lowercase();
        let config = &self.0.config;
        if config.options.excludes(&path) {
            return false;
        }
        let paths = lock(&self.0.paths);
        config.discovery.is_some()
            || config
                .targets
                .iter()
                .any(|target| match resolve::named(target, &paths) {
                    Target::Group(group) => path.starts_with(&format!("{}/", group.to_lowercase())),
                    Target::Project(project) => path == project.to_lowercase(),
                })
    }

    /// Syncs what is asked for; dbt stays owed.
    ///
    /// # Errors
    /// As [`Syncer::sync`].
    pub async fn sync_only(&self, request: &Request, shutdown: Shutdown) -> Result<Value, ApiError> {
        Ok(run::sync_only(&self.0, request, shutdown).await?.1)
    }

    /// The raw tables of the streams that are synced.
    pub fn tables(&self) -> Vec<Table> {
        let on = |stream: &&Stream| self.0.config.options.on(stream.name());
        self.0
            .streams
            .all()
            .filter(on)
            .map(|stream| stream.table.clone())
            .collect()
    }

    /// Rows of a raw table that changed after `from` and not after `until`, see [`Warehouse::changes`].
    ///
    /// # Errors
    /// If BigQuery can't be asked.
    pub async fn changes(
        &self,
        table: &Table,
        from: &Position,
        until: i64,
        most: usize,
    ) -> Result<Vec<Change>, ApiError> {
        let changes = self.0.warehouse.changes(table, from, until, most).await;
        Ok(changes.map_err(Error::from)?)
    }

    /// What GitLab says of itself.
    ///
    /// # Errors
    /// If it refuses the token, or can't be asked.
    pub async fn probe(&self) -> Result<gitlab::Instance, ApiError> {
        Ok(gitlab::probe(&self.0.client, &self.0.streams.types(), &[]).await?)
    }

    /// What GitLab says of the token.
    ///
    /// # Errors
    /// If it refuses the token, or can't be asked.
    pub async fn token_facts(&self) -> Result<Option<gitlab::TokenFacts>, ApiError> {
        Ok(gitlab::TokenFacts::ask(&self.0.client).await?)
    }

    /// Whether a group or project can be read.
    ///
    /// # Errors
    /// Why not.
    pub async fn look_at(&self, target: &Target) -> Result<(), ApiError> {
        let paths = resolve::paths(&self.0.client, std::slice::from_ref(target)).await?;
        let target = &resolve::named(target, &paths);
        let owner = match target {
            Target::Group(path) => Owner::Group(path.clone()),
            Target::Project(path) => Owner::ProjectAt(path.clone()),
        };
        gitlab::fetch_one(
            &self.0.client,
            &Purpose::new("probe", "Look"),
            Connection::of_owner(owner),
        )
        .await?;
        Ok(())
    }

    /// Whether a table can be made, staged into, merged into and removed: what a sync does, in a table of its own.
    ///
    /// # Errors
    /// Which step fails, and what permission is missing.
    pub async fn try_tables(&self) -> Result<(), ApiError> {
        let tried = self.0.warehouse.try_out().await;
        tried.map_err(|failed| {
            let error = ApiError::new(StatusCode::BAD_GATEWAY, "warehouse", failed.to_string());
            error.with_hint(failed.hint())
        })
    }

    /// Whether the raw tables can be made, read and written.
    ///
    /// # Errors
    /// Why not.
    pub async fn try_warehouse(&self) -> Result<(), ApiError> {
        tables::prepare_tables(&self.0).await?;
        self.0.warehouse.cursors().await.map_err(Error::from)?;
        // Writes one row: the lease.
        lease::under_lease(&self.0, &Shutdown::default(), async |_, _| Ok(())).await
    }

    /// Whether GitLab and the warehouse answer.
    ///
    /// # Errors
    /// Why one of them does not.
    pub async fn ping(&self) -> Result<(), ApiError> {
        gitlab::probe(&self.0.client, &[], &[]).await?;
        tables::prepare_tables(&self.0).await?;
        Ok(())
    }

    /// Syncs what is asked for and then has dbt run.
    ///
    /// # Errors
    /// 409 while another sync runs; otherwise what stopped the sync. Pages committed before stay.
    pub async fn sync(&self, request: &Request, shutdown: Shutdown, trace: TraceContext) -> Result<Value, ApiError> {
        run::sync(&self.0, request, shutdown, trace).await
    }

    /// Reads what webhooks name and writes it; dbt runs afterwards, without anybody waiting for it.
    ///
    /// # Errors
    /// What stopped it; the next sync makes up for it.
    pub async fn refetch(&self, wanted: &[Refetch], shutdown: Shutdown) -> Result<Value, ApiError> {
        refetch::run(&self.0, wanted, shutdown).await
    }
}
