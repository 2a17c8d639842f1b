//! Who may call.

use mergemind_shared::Secret;
use mergemind_shared::auth::{Tokens, has_no_blank, read_checked_by_cloud_run, read_previous};
use mergemind_shared::config::Env;
use url::Url;

/// Google's public keys: <https://accounts.google.com/.well-known/openid-configuration>.
const GOOGLE_KEYS: &str = "https://www.googleapis.com/oauth2/v3/certs";

/// What callers may show.
#[derive(Debug, Clone)]
pub struct RunCallers {
    /// The bearer tokens.
    pub tokens: Tokens,
    /// The secret of Fivetran's webhook; `None`: there is none.
    pub fivetran: Option<Secret>,
    /// Google's service accounts; `None`: their tokens are not taken.
    pub google: Option<GoogleCallers>,
    /// Whether every connection is of Google's front end, which tells whose it is.
    pub on_cloud_run: bool,
}

/// Which of Google's ID tokens are taken.
#[derive(Debug, Clone)]
pub struct GoogleCallers {
    /// What tokens must be made for: this function's address, usually.
    pub audiences: Vec<String>,
    /// The accounts they may be of.
    pub accounts: Vec<String>,
    /// Where the public keys are.
    pub keys_url: Url,
    /// Whether Cloud Run lets in only callers whose ID token it has checked; it then takes the signature away.
    pub checked_by_cloud_run: bool,
}

impl RunCallers {
    pub(super) fn read(env: &mut Env) -> Self {
        let token = env
            .token(
                "AUTH_TOKEN",
                "token that callers show as 'Authorization: Bearer …', of at least 16 characters",
            )
            .check(has_no_blank)
            .required("a secret of your own, such as the output of: openssl rand -hex 32");
        let previous = read_previous(env);
        let fivetran = env
            .token(
                "FIVETRAN_WEBHOOK_SECRET",
                "secret of Fivetran's webhook, which then may call POST /fivetran",
            )
            .optional();
        Self {
            tokens: Tokens::new(token, previous),
            fivetran,
            google: GoogleCallers::read(env),
            on_cloud_run: env.is_set("K_SERVICE"),
        }
    }
}

impl GoogleCallers {
    fn read(env: &mut Env) -> Option<Self> {
        let audiences = env
            .list(
                "ID_TOKEN_AUDIENCE",
                "audience of Google's ID tokens, usually this function's address; unset, none are taken",
            )
            .default(Vec::new());
        let accounts = env
            .list(
                "ID_TOKEN_ACCOUNTS",
                "service accounts whose ID tokens are taken; commas between",
            )
            .default(Vec::new());
        let keys_url = env
            .url("ID_TOKEN_KEYS_URL", "where the public keys of ID tokens are")
            .default(Url::parse(GOOGLE_KEYS).expect("a constant"));
        let checked_by_cloud_run = read_checked_by_cloud_run(
            env,
            "take ID tokens that Cloud Run has checked and whose signature it took away; only for a private service",
        );
        match (audiences.is_empty(), accounts.is_empty()) {
            (true, true) => None,
            (false, false) => Some(Self {
                audiences,
                accounts,
                keys_url,
                checked_by_cloud_run,
            }),
            (true, false) => {
                env.problem("ID_TOKEN_AUDIENCE", "is not set, but ID_TOKEN_ACCOUNTS is; set both");
                None
            }
            (false, true) => {
                env.problem(
                    "ID_TOKEN_ACCOUNTS",
                    "is not set; with ID_TOKEN_AUDIENCE alone every Google account could call",
                );
                None
            }
        }
    }
}
