//! Google-signed ID tokens for calls to a private Cloud Run service.

use google_cloud_auth::credentials::idtoken::{Builder, IDTokenCredentials};

use crate::Secret;

/// Where Cloud Run's front looks for the ID token when `Authorization` holds something else, here the
/// bearer token that the function itself checks:
/// <https://cloud.google.com/run/docs/authenticating/service-to-service>.
pub const SERVERLESS_AUTHORIZATION: &str = "x-serverless-authorization";

/// Gets ID tokens for one audience from the environment's service account, and keeps each until it is
/// about to expire.
#[derive(Clone, Debug)]
pub struct IdTokens(IDTokenCredentials);

impl IdTokens {
    /// For `audience`, the called service's address (without a path).
    ///
    /// # Errors
    /// If the environment has no service account: a person's own credentials can't make such tokens.
    pub fn new(audience: &str) -> Result<Self, String> {
        Builder::new(audience).build().map(Self).map_err(|e| {
            format!("can't make ID tokens for {audience}: {e}; they need a service account, as Cloud Run has one")
        })
    }

    /// A token that is valid now.
    ///
    /// # Errors
    /// If Google gives none.
    pub async fn get(&self) -> Result<Secret, String> {
        self.0
            .id_token()
            .await
            .map(Secret::new)
            .map_err(|e| format!("no ID token: {e}"))
    }
}
