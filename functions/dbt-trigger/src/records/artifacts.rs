//! What dbt leaves after each run, kept for people: in a local folder or in Cloud Storage.

use std::path::{Path, PathBuf};

use crate::bucket::{Bucket, BucketError};
use crate::request::Action;

/// How many runs are kept in the state directory, which is memory on Cloud Run.
const KEPT: usize = 20;
/// This function's own summary of a run.
pub const RUN: &str = "run.json";
/// dbt's documentation with all its data in one file, which therefore need not ask for any, and dbt's name for it.
pub const DOCS: &str = "index.html";
const DOCS_AS_MADE: &str = "static_index.html";
/// The report over the marts.
pub const REPORT: &str = "report.html";
/// What is kept, and what browsers and programs are told that it is.
const FILES: [(&str, &str); 7] = [
    (RUN, "application/json"),
    ("run_results.json", "application/json"),
    ("manifest.json", "application/json"),
    ("sources.json", "application/json"),
    ("catalog.json", "application/json"),
    (DOCS, "text/html; charset=utf-8"),
    (REPORT, "text/html; charset=utf-8"),
];

/// Where artifacts are kept.
#[derive(Debug, Clone)]
pub struct Artifacts {
    folder: PathBuf,
    /// Whether old ones are removed from the folder.
    is_cache: bool,
    bucket: Option<Bucket>,
}

impl Artifacts {
    /// In `folder` for good, if it is set; else the last ones in `cache`, and all in `bucket`, if there is one.
    pub fn new(folder: Option<PathBuf>, cache: PathBuf, bucket: Option<Bucket>) -> Self {
        Self {
            is_cache: folder.is_none(),
            folder: folder.unwrap_or(cache),
            bucket,
        }
    }

    /// Copies what `action` has left in `target`, before another run overwrites it.
    pub fn collect(&self, run_id: &str, target: &Path, action: Action) {
        let wanted: &[&str] = match action {
            Action::Freshness => &["sources.json"],
            Action::Docs => &["manifest.json", "run_results.json", "catalog.json", DOCS, REPORT],
            Action::Build | Action::Test | Action::Retry => &["manifest.json", "run_results.json"],
        };
        let folder = self.folder.join(run_id);
        let copied = std::fs::create_dir_all(&folder).and_then(|()| {
            for name in wanted {
                let from = if *name == DOCS { DOCS_AS_MADE } else { *name };
                match std::fs::copy(target.join(from), folder.join(name)) {
                    Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
                    _ => {}
                }
            }
            Ok(())
        });
        if let Err(e) = copied {
            tracing::error!(run_id, "the run's artifacts can't be kept in {}: {e}", folder.display());
        }
        if self.is_cache {
            self.remove_old();
        }
    }

    /// Adds this function's own summary, and uploads everything if there is a bucket.
    pub async fn finish(&self, run_id: &str, summary: String) {
        let folder = self.folder.join(run_id);
        let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(folder.join(RUN), summary));
        if let Err(e) = written {
            tracing::error!(run_id, "the run's summary can't be kept in {}: {e}", folder.display());
        }
        let Some(bucket) = &self.bucket else { return };
        for (name, kind) in FILES {
            let Ok(content) = tokio::fs::read(folder.join(name)).await else {
                continue;
            };
            if let Err(problem) = bucket.put(&format!("{run_id}/{name}"), kind, content).await {
                tracing::error!(run_id, "{name} can't be uploaded: {problem}");
                return;
            }
        }
    }

    /// The names of a run's artifacts, the summary left out: those in the folder, else those in the bucket.
    pub async fn names(&self, run_id: &str) -> Vec<&'static str> {
        let all = || FILES.iter().map(|(name, _)| *name).filter(|name| *name != RUN);
        // It comes from a caller and becomes a path.
        if uuid::Uuid::try_parse(run_id).is_err() {
            return Vec::new();
        }
        let folder = self.folder.join(run_id);
        let here: Vec<_> = all().filter(|name| folder.join(name).is_file()).collect();
        let Some(bucket) = self.bucket.as_ref().filter(|_| here.is_empty()) else {
            return here;
        };
        match bucket.names(run_id).await {
            Ok(names) => all().filter(|name| names.iter().any(|known| known == name)).collect(),
            Err(problem) => {
                tracing::warn!(run_id, "the run's artifacts can't be listed: {problem}");
                here
            }
        }
    }

    /// One artifact and its type; `None` if there is none.
    ///
    /// # Errors
    /// If Cloud Storage can't be asked.
    pub async fn read(&self, run_id: &str, name: &str) -> Result<Option<(Vec<u8>, &'static str)>, BucketError> {
        // Both come from a caller: only ids of our form and known names may become a path.
        let known = FILES.iter().find(|(known, _)| *known == name);
        let (Some((name, kind)), Ok(_)) = (known, uuid::Uuid::try_parse(run_id)) else {
            return Ok(None);
        };
        if let Ok(content) = tokio::fs::read(self.folder.join(run_id).join(name)).await {
            return Ok(Some((content, kind)));
        }
        let Some(bucket) = &self.bucket else { return Ok(None) };
        let content = bucket.get(&format!("{run_id}/{name}")).await?;
        Ok(content.map(|content| (content, *kind)))
    }

    fn remove_old(&self) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else {
            return;
        };
        let mut folders: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        // Ids begin with the time.
        folders.sort();
        for old in folders.iter().rev().skip(KEPT) {
            let _ = std::fs::remove_dir_all(old);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn artifacts_are_kept_and_only_known_names_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = tempfile::tempdir().expect("a folder");
        std::fs::write(target.path().join("run_results.json"), "{}").expect("written");
        std::fs::write(target.path().join("catalog.json"), "{}").expect("written");
        let artifacts = Artifacts::new(None, folder.path().join("runs"), None);
        let id = || uuid::Uuid::now_v7().to_string();
        let run_id = id();
        artifacts.collect(&run_id, target.path(), Action::Build);
        artifacts.finish(&run_id, "{\"a\":1}".into()).await;
        assert_eq!(
            artifacts.names(&run_id).await,
            ["run_results.json"],
            "the catalogue is of another run"
        );
        let read = artifacts.read(&run_id, RUN).await.expect("read");
        assert_eq!(read, Some((b"{\"a\":1}".to_vec(), "application/json")));
        for (run_id, name) in [(run_id.as_str(), "../secret"), ("..", RUN), (run_id.as_str(), "lock")] {
            assert_eq!(artifacts.read(run_id, name).await, Ok(None), "{run_id} {name}");
        }
        for _ in 0..KEPT + 5 {
            artifacts.collect(&id(), target.path(), Action::Build);
        }
        assert!(artifacts.names(&run_id).await.is_empty(), "old ones go");
        assert_eq!(
            std::fs::read_dir(folder.path().join("runs")).expect("there").count(),
            KEPT
        );
    }

    #[tokio::test]
    async fn another_instance_reads_artifacts_from_cloud_storage() {
        let emulator = crate::bucket::tests::fake().await;
        let place = crate::config::GcsUri::parse("gs://b/artifacts").expect("valid");
        let folders = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
        let instance = |folder: &tempfile::TempDir| {
            let bucket = Bucket::new(&place, Some(&emulator)).expect("a client");
            Artifacts::new(None, folder.path().into(), Some(bucket))
        };
        std::fs::write(folders[2].path().join("manifest.json"), "{}").expect("written");
        let run_id = uuid::Uuid::now_v7().to_string();
        let first = instance(&folders[0]);
        first.collect(&run_id, folders[2].path(), Action::Build);
        first.finish(&run_id, "{\"a\":1}".into()).await;
        let second = instance(&folders[1]);
        assert_eq!(second.names(&run_id).await, ["manifest.json"]);
        assert_eq!(second.names(&uuid::Uuid::now_v7().to_string()).await, [""; 0]);
        for (name, content) in [(RUN, "{\"a\":1}"), ("manifest.json", "{}")] {
            let read = second.read(&run_id, name).await.expect("read").expect("there");
            assert_eq!(read.0, content.as_bytes(), "{name}");
        }
    }
}
