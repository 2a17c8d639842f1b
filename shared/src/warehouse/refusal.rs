//! Why BigQuery refuses something: whether another attempt helps, when, and what a person can do.
//!
//! Google's `reason` (<https://cloud.google.com/bigquery/docs/error-messages>) or the canonical code of a call
//! (<https://cloud.google.com/bigquery/docs/write-api-best-practices>) decides, never
//! the message, with one exception: a transaction that lost to another one comes as `invalidQuery`, like any mistake in
//! a statement.
//!
//! Google's client tries some of this by itself, before we see it: a statement's request six times within about a
//! minute if it is not answered or with 429 and 5xx, under one request id, so that it runs once; a job three times
//! for `backendError`, `internalError` and `rateLimitExceeded`; a new table for UNAVAILABLE within a minute. It
//! never repeats calls of the Storage Write API.

use std::fmt;
use std::time::Duration;

use backon::ExponentialBuilder;
use google_cloud_bigquery_v2::model::ErrorProto;
use google_cloud_gax::error::Error as CallError;
use google_cloud_gax::error::rpc::{Code, StatusDetails};

use crate::retry::exponential;

/// What to say when Google's client finds no credentials, or they are refused.
pub(super) const NO_CREDENTIALS: &str = "Google's credentials are missing or not accepted. On Cloud Run the service account \
    has them; elsewhere `gcloud auth application-default login` makes them";

/// A refusal, or a call that was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its reason.
    pub reason: Reason,
    /// BigQuery's own words.
    message: String,
}

/// The kinds of refusals, each with what helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Another transaction changed the same table; this one was rolled back.
    Conflict,
    /// BigQuery, or the way to it, has a fault that passes.
    Outage,
    /// Too much at once.
    RateLimit,
    /// A quota is used up. Some are of a minute or of statements under way, others of a day.
    Quota,
    /// Something does not exist. A table made a moment ago may not be known everywhere yet.
    Missing,
    /// Our account may not do this. Roles, and tables made a moment ago, take a while to be known everywhere.
    Denied,
    /// Google's credentials are missing or not accepted.
    Credentials,
    /// The project can't pay for this.
    Billing,
    /// The statement or the request itself is wrong.
    Invalid,
}

impl Reason {
    /// Of a job's or a REST call's `reason`; `None` if it says nothing that the code does not.
    fn of_reason(reason: &str) -> Option<Self> {
        Some(match reason {
            "backendError" | "internalError" | "jobBackendError" | "jobInternalError" | "tableUnavailable" => {
                Self::Outage
            }
            "rateLimitExceeded" | "jobRateLimitExceeded" => Self::RateLimit,
            "quotaExceeded" => Self::Quota,
            "notFound" => Self::Missing,
            "accessDenied" => Self::Denied,
            "authError" | "required" => Self::Credentials,
            "billingNotEnabled" | "billingTierLimitExceeded" => Self::Billing,
            "invalid" | "invalidQuery" | "duplicate" | "responseTooLarge" | "resourcesExceeded" | "resourceInUse"
            | "stopped" | "notImplemented" | "blocked" => Self::Invalid,
            _ => return None,
        })
    }

    fn of_code(code: Code) -> Self {
        match code {
            Code::Aborted => Self::Conflict,
            Code::Cancelled | Code::DeadlineExceeded | Code::Internal | Code::Unavailable | Code::Unknown => {
                Self::Outage
            }
            Code::ResourceExhausted => Self::RateLimit,
            Code::NotFound => Self::Missing,
            Code::PermissionDenied => Self::Denied,
            Code::Unauthenticated => Self::Credentials,
            _ => Self::Invalid,
        }
    }

    fn of_call(error: &CallError) -> Self {
        if error.is_authentication() {
            return Self::Credentials;
        }
        if let Some(status) = error.status() {
            let mut reasons = status.details.iter().filter_map(|detail| match detail {
                StatusDetails::ErrorInfo(info) => Self::of_reason(&info.reason),
                _ => None,
            });
            if let Some(kind) = reasons.next() {
                return kind;
            }
            // REST answers without a canonical code count as UNKNOWN.
            if status.code != Code::Unknown || error.http_status_code().is_none() {
                return Self::of_code(status.code);
            }
        }
        match error.http_status_code() {
            Some(401) => Self::Credentials,
            Some(403) => Self::Denied,
            Some(404) => Self::Missing,
            Some(429) => Self::RateLimit,
            Some(400..=499) => Self::Invalid,
            _ if error.is_serialization() || error.is_deserialization() || error.is_binding() => Self::Invalid,
            _ => Self::Outage,
        }
    }

    /// How often and after how long another attempt is made; `None` if it can't help.
    pub(super) fn policy(self) -> Option<ExponentialBuilder> {
        let (first_ms, attempts) = match self {
            // In all 15 to 30 s.
            Self::Conflict | Self::Missing => (500, 6),
            Self::Outage => (1_000, 5),
            // One to two minutes: limits of a minute are over by then.
            Self::RateLimit => (2_000, 6),
            Self::Quota => (5_000, 5),
            // 6 to 12 s: most often a role is really missing.
            Self::Denied => (2_000, 3),
            Self::Credentials | Self::Billing | Self::Invalid => return None,
        };
        let first = Duration::from_millis(first_ms);
        // Tests play every wait.
        Some(exponential(if cfg!(test) { first / 200 } else { first }, attempts))
    }

    /// Whether nothing of a transaction has happened when it is refused so.
    pub(super) fn is_before_commit(self) -> bool {
        matches!(self, Self::Conflict | Self::RateLimit | Self::Quota | Self::Denied)
    }

    /// What a person can do.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Conflict => "something else writes to the same raw tables; keep one connector for a dataset",
            Self::Outage => {
                "BigQuery or the network to it has a fault that passes; https://status.cloud.google.com tells"
            }
            Self::RateLimit => "too many requests at once for BigQuery; see what else runs in PROJECT_ID",
            Self::Quota => "a quota of PROJECT_ID is used up; Google's console shows it under IAM & Admin, Quotas",
            Self::Missing => "check that PROJECT_ID, BQ_DATASET_RAW and BQ_LOCATION name the dataset as it is",
            Self::Denied => {
                "the service account lacks a role: BigQuery Data Editor on the dataset and BigQuery Job User on \
                 PROJECT_ID hold all that is needed"
            }
            Self::Credentials => NO_CREDENTIALS,
            Self::Billing => "enable billing for PROJECT_ID",
            Self::Invalid => "BigQuery does not accept this request; please report it with its line in the log",
        }
    }
}

impl Refusal {
    pub(super) fn of_call(error: &CallError) -> Self {
        let message = error.status().map_or_else(
            || error.to_string(),
            |status| format!("{}: {}", status.code, status.message),
        );
        let kind = match Reason::of_call(error) {
            Reason::Invalid if lost_to_another(&message) => Reason::Conflict,
            kind => kind,
        };
        Self { reason: kind, message }
    }

    /// Of a job that failed. Of several errors the first that has a kind of its own counts.
    pub(super) fn of_job(errors: &[ErrorProto]) -> Self {
        let message = errors.iter().map(|e| e.message.as_str()).collect::<Vec<_>>().join("; ");
        let mut kinds = errors.iter().filter_map(|error| Reason::of_reason(&error.reason));
        let kind = match kinds.find(|kind| *kind != Reason::Invalid).unwrap_or(Reason::Invalid) {
            Reason::Invalid if lost_to_another(&message) => Reason::Conflict,
            kind => kind,
        };
        Self { reason: kind, message }
    }

    pub(super) fn outage(message: impl Into<String>) -> Self {
        Self {
            reason: Reason::Outage,
            message: message.into(),
        }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self {
            reason: Reason::Invalid,
            message: message.into(),
        }
    }
}

/// A call that was not answered.
impl From<&str> for Refusal {
    fn from(message: &str) -> Self {
        Self::outage(message)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// "Transaction is aborted due to concurrent update against table …", "Could not serialize access to table … due to
/// concurrent update"; the emulator's DuckDB says "Transaction conflict".
fn lost_to_another(message: &str) -> bool {
    let message = message.to_lowercase();
    message.contains("concurrent update") || (message.contains("transaction") && message.contains("conflict"))
}
