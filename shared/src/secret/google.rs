//! Secrets from Google's Secret Manager: read at the start, and again when they may have been rotated.

mod refusal;

use std::sync::Arc;
use std::time::Duration;

use google_cloud_auth::credentials::anonymous;
use google_cloud_secretmanager_v1::client::SecretManagerService;
use tokio::time::{Instant, timeout};

use self::refusal::{Retry, SecretRefusal};
use super::{Reference, Secret};
use crate::retry::{Retryable, exponential};

/// How often secrets are read again without a reason.
const REFRESH: Duration = Duration::from_secs(300);
/// Not more often than this is one read again because it was refused: anybody can cause a refusal.
const LEAST_PAUSE: Duration = Duration::from_secs(10);
/// How long one answer may take, and how often it is asked for at the start.
const PATIENCE: Duration = Duration::from_secs(10);
const ATTEMPTS: usize = 3;
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// How long a first start on Cloud Run asks again after "permission denied" and "not found". A role takes "typically 2
/// minutes, potentially 7 minutes or longer" to reach Secret Manager, and Cloud Run gives a container a minute to start.
const GRANT_PATIENCE: Duration = Duration::from_secs(45);
/// The longest pause between two such questions.
const GRANT_PAUSE: Duration = Duration::from_secs(5);

/// A client of Secret Manager; cheap to clone.
#[derive(Clone, Debug)]
pub struct SecretManager {
    client: SecretManagerService,
    /// Until when a refusal may be a role that has not arrived yet.
    grants_arrive_until: Option<Instant>,
}

/// Why a setting's secret can't be had. Names the setting and the secret's place, never its value.
#[derive(Debug, thiserror::Error)]
#[error("{setting} refers to {place}, which can't be read: {problem}")]
pub struct SecretError {
    setting: String,
    place: String,
    problem: String,
}

impl SecretError {
    /// The text without the setting's name, for a list that begins each line with it.
    pub(crate) fn without_setting(&self) -> String {
        format!("refers to {}, which can't be read: {}", self.place, self.problem)
    }
}

impl SecretManager {
    /// Makes the client; `emulator` is the address of a stand-in that wants no credentials.
    ///
    /// # Errors
    /// If there are no Google credentials.
    pub async fn connect(emulator: Option<&str>) -> Result<Self, String> {
        let mut builder = SecretManagerService::builder();
        if let Some(host) = emulator {
            let endpoint = if host.contains("://") {
                host.to_owned()
            } else {
                format!("http://{host}")
            };
            builder = builder
                .with_endpoint(endpoint)
                .with_credentials(anonymous::Builder::new().build());
        }
        let client = builder.build().await.map_err(|e| e.to_string())?;
        Ok(Self {
            client,
            grants_arrive_until: None,
        })
    }

    /// The same client, which for the next 45 s asks again when it is refused: for a service that starts
    /// seconds after its roles were granted.
    #[must_use]
    pub fn awaiting_grants(mut self) -> Self {
        self.grants_arrive_until = Some(Instant::now() + GRANT_PATIENCE);
        self
    }

    /// Reads the secret that `setting` refers to, and lets it be renewed from now on.
    ///
    /// # Errors
    /// If it can't be read after a few attempts, is a placeholder, or breaks its rule.
    pub async fn resolve(&self, setting: &str, secret: &Secret) -> Result<(), SecretError> {
        let Some(reference) = secret.reference() else {
            return Ok(());
        };
        let failed = |problem: String| SecretError {
            setting: setting.into(),
            place: reference.to_string(),
            problem,
        };
        let mut attempts = 0;
        let read = || self.read(reference);
        let value = read
            .retry(exponential(FIRST_WAIT, usize::MAX).with_max_delay(GRANT_PAUSE / 2))
            .when(|problem| {
                attempts += 1;
                match problem.kind {
                    Retry::Passing => attempts < ATTEMPTS,
                    Retry::Ungranted => self
                        .grants_arrive_until
                        .is_some_and(|end| Instant::now() + GRANT_PAUSE < end),
                    Retry::Lasting => false,
                }
            })
            .notify(|problem, _| tracing::warn!(setting, "Secret Manager: {problem}; trying again"))
            .await
            .map_err(|problem| failed(problem.to_string()))?;
        secret
            .judge(&value)
            .map_err(|weakness| failed(format!("its value {weakness}")))?;
        secret.replace(&value);
        let _ = secret.0.manager.set(self.clone());
        Ok(())
    }

    async fn read(&self, reference: &Reference) -> Result<String, SecretRefusal> {
        let request = self
            .client
            .access_secret_version()
            .set_name(reference.to_string())
            .send();
        let answer = match timeout(PATIENCE, request).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(SecretRefusal::of(&error)),
            Err(_) => {
                return Err(SecretRefusal::new(
                    Retry::Passing,
                    format!("no answer within {} s", PATIENCE.as_secs()),
                ));
            }
        };
        let data = answer.payload.unwrap_or_default().data;
        let text =
            std::str::from_utf8(&data).map_err(|_| SecretRefusal::new(Retry::Lasting, "its value is not text"))?;
        // `echo … | gcloud secrets versions add` leaves a line break, which no header may hold.
        match text.trim() {
            "" => Err(SecretRefusal::new(Retry::Lasting, "its value is empty")),
            text => Ok(text.to_owned()),
        }
    }
}

impl Secret {
    /// Reads the secret again if it lives in Secret Manager and may have been rotated; call it when the
    /// secret was refused, or did not match. Whether it is another one now.
    ///
    /// A secret that can't be read keeps its value. Calls in quick succession cost one request.
    pub async fn renew(&self) -> bool {
        let (Some(manager), Some(reference)) = (self.0.manager.get(), self.reference()) else {
            return false;
        };
        if !reference.can_change() {
            return false;
        }
        // Who comes while it is being read need not read it too, but must see what was read.
        let mut renewed_at = self.0.renewed_at.lock().await;
        if renewed_at.is_some_and(|at| at.elapsed() < LEAST_PAUSE) {
            return false;
        }
        *renewed_at = Some(Instant::now());
        let read = manager.read(reference).await.map_err(|problem| problem.to_string());
        let sound = read.and_then(|value| match self.judge(&value) {
            Ok(()) => Ok(value),
            Err(weakness) => Err(format!("its new value {weakness}")),
        });
        match sound {
            Ok(value) => {
                let changed = self.replace(&value);
                if changed {
                    tracing::info!("{reference} has a new value");
                }
                changed
            }
            Err(problem) => {
                tracing::warn!("{reference} can't be renewed, so the value from before stays: {problem}");
                false
            }
        }
    }
}

/// Reads secrets again every few minutes, for as long as anybody else holds them.
pub(crate) fn keep_fresh<'a>(secrets: impl Iterator<Item = &'a Secret>) {
    let changing = secrets.filter(|secret| secret.may_change());
    for secret in changing.map(|secret| Arc::downgrade(&secret.0)) {
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(REFRESH).await;
                let Some(secret) = secret.upgrade() else { return };
                Secret(secret).renew().await;
            }
        });
    }
}

#[cfg(test)]
mod tests;
