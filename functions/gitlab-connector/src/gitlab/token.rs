//! What GitLab says of our token.

use serde_json::Value;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use crate::gitlab::{Client, Error, Patience};

/// A token is renewed in good time if one knows two weeks ahead.
const SOON: i64 = 14;

/// A token's rights and its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenFacts {
    /// Its scopes, such as `read_api`.
    pub scopes: Vec<String>,
    /// The day on which it ends, at midnight UTC.
    pub expires_on: Option<Date>,
}

impl TokenFacts {
    /// Asks GitLab. `None` if this kind of token can't be asked about: for one of OAuth it is an error, of any kind, and a
    /// fine-grained one may lack the right. See docs/gitlab.md#token-facts.
    ///
    /// # Errors
    /// If GitLab can't be asked.
    pub async fn ask(client: &Client) -> Result<Option<Self>, Error> {
        match client
            .page("token", "personal_access_tokens/self", Patience::Full)
            .await
        {
            Ok(page) => Ok(Some(Self::of(&page.data))),
            Err(Error::Absent(_) | Error::Unexpected(_) | Error::Unauthorized(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn of(json: &Value) -> Self {
        let scopes = json["scopes"].as_array().into_iter().flatten();
        let form = format_description!("[year]-[month]-[day]");
        Self {
            scopes: scopes
                .filter_map(|scope| scope.as_str().map(ToOwned::to_owned))
                .collect(),
            expires_on: json["expires_at"].as_str().and_then(|day| Date::parse(day, form).ok()),
        }
    }

    /// Whether it may read all that is synced; `None` where its scopes do not tell, as those of a fine-grained token.
    pub fn may_read(&self) -> Option<bool> {
        let has = |names: &[&str]| self.scopes.iter().any(|scope| names.contains(&scope.as_str()));
        match has(&["read_api", "api"]) {
            true => Some(true),
            false if self.scopes.is_empty() || has(&["granular"]) => None,
            false => Some(false),
        }
    }

    /// A warning if it ends soon.
    pub fn ends_soon(&self, now: OffsetDateTime) -> Option<String> {
        let end = self.expires_on?;
        let days = (end - now.date()).whole_days();
        (days <= SOON).then(|| format!("GITLAB_TOKEN expires on {end}, in {days} days: replace it in time"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_token_near_its_end_is_told_in_time() {
        let facts = TokenFacts::of(&json!({"scopes": ["read_api"], "expires_at": "2026-03-10"}));
        assert_eq!(facts.may_read(), Some(true));
        let of = |scopes: Value| TokenFacts::of(&json!({"scopes": scopes})).may_read();
        assert_eq!(
            (of(json!(["read_user"])), of(json!(["granular"])), of(json!(null))),
            (Some(false), None, None)
        );
        assert_eq!(facts.ends_soon(datetime!(2026-02-01 0:00 UTC)), None);
        let told = facts.ends_soon(datetime!(2026-03-01 12:00 UTC)).expect("a warning");
        assert!(told.contains("2026-03-10, in 9 days"), "{told}");
        assert_eq!(
            TokenFacts::of(&json!({"expires_at": null})).ends_soon(datetime!(2026-03-01 0:00 UTC)),
            None
        );
    }
}
