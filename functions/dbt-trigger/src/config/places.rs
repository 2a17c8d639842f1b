//! Addresses and directories, as settings name them.

use std::path::PathBuf;

use mergemind_shared::config::Env;
use url::Url;

/// `gs://bucket/some/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GcsUri {
    pub bucket: String,
    /// Without a slash at either end; may be empty.
    pub path: String,
}

impl GcsUri {
    /// Reads a `gs://` address; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("gs://")?;
        let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
        let valid = !bucket.is_empty() && bucket.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        valid.then(|| Self {
            bucket: bucket.into(),
            path: path.trim_matches('/').into(),
        })
    }
}

/// Absolute, because dbt changes its working directory.
pub(super) fn directory(path: &str) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.into())
}

/// The address that stands for Cloud Storage, in the variable that Google's own programs read.
pub(super) fn storage_emulator(env: &Env) -> Option<Url> {
    let text = env.system("STORAGE_EMULATOR_HOST")?;
    let url = if text.contains("://") {
        Url::parse(text)
    } else {
        Url::parse(&format!("http://{text}"))
    };
    url.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        let place = |bucket: &str, path: &str| {
            Some(GcsUri {
                bucket: bucket.into(),
                path: path.into(),
            })
        };
        assert_eq!(GcsUri::parse("gs://b"), place("b", ""));
        assert_eq!(GcsUri::parse("gs://b.c-1/x/y.tar.gz"), place("b.c-1", "x/y.tar.gz"));
        for other in ["", "gs://", "gs:///x", "gs://b?x", "/tmp/x", "s3://b"] {
            assert_eq!(GcsUri::parse(other), None, "{other}");
        }
    }
}
