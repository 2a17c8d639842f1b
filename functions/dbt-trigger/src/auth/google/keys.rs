//! The keys that Google signs by: fetched when a token names one that is not known, kept for an hour, and used longer if
//! Google can't be reached.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::JwkSet;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

/// How long keys are used without looking for newer ones; Google changes them about weekly.
const FRESH: Duration = Duration::from_secs(3_600);
/// Keys are not fetched more often than this, whatever callers show.
const LEAST_PAUSE: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(10);
/// Google's keys are below 2 KiB.
const LIMIT: usize = 256 * 1024;

/// Google's keys, as far as they are known.
#[derive(Debug)]
pub struct Keys {
    pub(super) url: Url,
    http: reqwest::Client,
    known: RwLock<KnownKeys>,
    /// Held while keys are asked for, so that one asks for all; nobody else waits for it.
    asking: Mutex<()>,
    pub(super) fresh: Duration,
    pub(super) least_pause: Duration,
}

#[derive(Default)]
struct KnownKeys {
    by_id: HashMap<String, DecodingKey>,
    /// When they were last asked for, in vain or not.
    asked_at: Option<Instant>,
}

impl std::fmt::Debug for KnownKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} keys", self.by_id.len())
    }
}

/// Why keys can't be fetched.
#[derive(Debug, thiserror::Error)]
enum KeysError {
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error("they can't be read: {0}")]
    Form(#[from] serde_json::Error),
    #[error("the answer is larger than {LIMIT} bytes")]
    TooLarge,
}

impl Keys {
    /// Those that are published at this address.
    ///
    /// # Errors
    /// If TLS can't be started.
    pub fn new(url: Url) -> Result<Self, reqwest::Error> {
        Ok(Self {
            url,
            http: reqwest::Client::builder().timeout(PATIENCE).build()?,
            known: RwLock::default(),
            asking: Mutex::default(),
            fresh: FRESH,
            least_pause: LEAST_PAUSE,
        })
    }

    /// The key of that id, if it is one of Google's.
    pub async fn key(&self, id: &str) -> Option<DecodingKey> {
        let (known, is_fresh) = self.known(id);
        if let (Some(key), true) = (&known, is_fresh) {
            return Some(key.clone());
        }
        // Whoever has a key that may be outdated does not wait for another one who asks already.
        let asking = match known {
            Some(key) => match self.asking.try_lock() {
                Ok(asking) => asking,
                Err(_) => return Some(key),
            },
            None => self.asking.lock().await,
        };
        let (known, is_fresh) = self.known(id);
        if known.is_none() || !is_fresh {
            self.renew().await;
        }
        drop(asking);
        self.known(id).0
    }

    /// The key of that id, and whether keys were asked for lately.
    fn known(&self, id: &str) -> (Option<DecodingKey>, bool) {
        let keys = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = keys.asked_at.is_some_and(|at| at.elapsed() < self.fresh);
        (keys.by_id.get(id).cloned(), is_fresh)
    }

    /// Asks for the keys, unless that was done a moment ago.
    async fn renew(&self) {
        {
            let mut keys = self.known.write().unwrap_or_else(PoisonError::into_inner);
            if keys.asked_at.is_some_and(|at| at.elapsed() < self.least_pause) {
                return;
            }
            keys.asked_at = Some(Instant::now());
        }
        match self.fetch().await {
            Ok(by_id) => self.known.write().unwrap_or_else(PoisonError::into_inner).by_id = by_id,
            Err(problem) => tracing::warn!("Google's keys can't be fetched: {problem}"),
        }
    }

    async fn fetch(&self) -> Result<HashMap<String, DecodingKey>, KeysError> {
        let mut answer = self.http.get(self.url.clone()).send().await?.error_for_status()?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > LIMIT {
                return Err(KeysError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let set: JwkSet = serde_json::from_slice(&body)?;
        let keys = set.keys.iter().filter_map(|key| {
            let id = key.common.key_id.clone()?;
            Some((id, DecodingKey::from_jwk(key).ok()?))
        });
        Ok(keys.collect())
    }
}
