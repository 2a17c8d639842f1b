//! Who may call.

use mergemind_shared::auth::{Tokens, has_no_blank, read_checked_by_cloud_run, read_previous};
use mergemind_shared::config::Env;
use mergemind_shared::functions_framework::Settings as FunctionSettings;

/// How callers are recognised.
#[derive(Clone, Debug)]
pub struct SyncCallers {
    /// The tokens that they show; `None`: whoever reaches this function may ask for a sync.
    pub tokens: Option<Tokens>,
    /// Whether Cloud Run lets in only callers that it knows.
    pub checked_by_cloud_run: bool,
    /// Whether every connection is of Google's front end, which tells whose it is.
    pub on_cloud_run: bool,
}

impl SyncCallers {
    /// Declares and reads them. Without a token the function must be out of strangers' reach.
    pub(super) fn read(env: &mut Env, function: &FunctionSettings) -> Self {
        let token = env
            .token(
                "AUTH_TOKEN",
                "token that callers show as 'Authorization: Bearer …', of at least 16 characters; needed unless this function listens on a loopback address or Cloud Run checks callers, and for POST /fivetran always",
            )
            .check(has_no_blank)
            .optional();
        let previous = read_previous(env);
        let checked_by_cloud_run = read_checked_by_cloud_run(
            env,
            "go without AUTH_TOKEN where Cloud Run lets in only callers whose ID token it has checked; only for a private service",
        );
        if token.is_none() && previous.is_some() {
            env.problem(
                "AUTH_TOKEN_PREVIOUS",
                "is set, but AUTH_TOKEN is not; set that to the new token",
            );
        }
        let address = function.address.ip();
        if token.is_none() && !checked_by_cloud_run && !address.is_loopback() {
            env.problem(
                "AUTH_TOKEN",
                format!("is not set, and others can reach this function at {address}; set it to a secret of your own, such as the output of: openssl rand -hex 32 (or ID_TOKEN_CHECKED_BY_CLOUD_RUN to true, if this is a private service of Cloud Run)"),
            );
        }
        Self {
            tokens: token.map(|current| Tokens::new(current, previous)),
            checked_by_cloud_run,
            on_cloud_run: env.is_set("K_SERVICE"),
        }
    }
}
