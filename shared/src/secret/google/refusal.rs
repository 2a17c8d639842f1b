//! Why Secret Manager does not give a secret, and whether asking again helps.

use std::fmt;

/// Why a secret can't be read.
pub struct SecretRefusal {
    message: String,
    pub kind: Retry,
}

/// Whether asking again helps.
#[derive(Clone, Copy)]
pub enum Retry {
    /// After a moment.
    Passing,
    /// Only where a role or a version is so new that Secret Manager does not know it yet.
    Ungranted,
    /// Not before somebody does something.
    Lasting,
}

impl SecretRefusal {
    pub fn new(kind: Retry, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { message, kind }
    }

    /// From what Google answered.
    pub fn of(error: &google_cloud_secretmanager_v1::Error) -> Self {
        match error.http_status_code() {
            Some(403) => Self::new(
                Retry::Ungranted,
                "permission denied; give this function's service account the role Secret Manager Secret Accessor",
            ),
            Some(404) => Self::new(Retry::Ungranted, "there is no such secret or version; is it enabled?"),
            Some(status @ 400..=499) if status != 429 => Self::new(
                Retry::Lasting,
                format!("Secret Manager refuses the request with HTTP {status}"),
            ),
            Some(status) => Self::new(Retry::Passing, format!("Secret Manager answers HTTP {status}")),
            None if error.is_authentication() => Self::new(
                Retry::Lasting,
                "Google's credentials are missing; on Cloud Run the service account has them, elsewhere \
                 `gcloud auth application-default login` makes them",
            ),
            None => Self::new(Retry::Passing, format!("Secret Manager can't be reached: {error}")),
        }
    }
}

impl fmt::Display for SecretRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
