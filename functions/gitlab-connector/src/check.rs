//! `--check`: tries everything that a sync needs, and says in plain words what is wrong and how to mend it.

use std::process::ExitCode;
use std::time::Duration;

use mergemind_shared::ApiError;
use time::OffsetDateTime;

use crate::config::DbtTrigger;
use crate::gitlab::TokenFacts;
use crate::sync::Syncer;

/// Prints one line for each thing that was tried.
pub async fn run(syncer: &Syncer) -> ExitCode {
    let mut report = Report { failed: false };
    let gitlab = syncer.config().gitlab_url.origin().ascii_serialization();
    match syncer.probe().await {
        Ok(instance) => {
            let edition = if instance.enterprise {
                "Enterprise Edition"
            } else {
                "Community Edition"
            };
            report.good(&format!(
                "GitLab {} ({edition}) at {gitlab} takes the token",
                instance.version
            ));
            token(syncer, &mut report).await;
            for target in &syncer.config().targets {
                report.of(&format!("{target} can be read"), syncer.look_at(target).await);
            }
        }
        Err(error) => report.bad(&format!("GitLab at {gitlab}: {}", error.message()), error.hint()),
    }
    let dataset = format!("BigQuery dataset {} can be written", syncer.config().warehouse.dataset);
    let writable = syncer.try_warehouse().await;
    let is_writable = writable.is_ok();
    report.of(&dataset, writable);
    if is_writable {
        report.of(
            "a table can be made there, staged into, merged into and removed",
            syncer.try_tables().await,
        );
    }
    match &syncer.config().dbt {
        Some(trigger) => report.of(
            &format!("dbt-trigger at {} takes the token", trigger.url),
            ask_trigger(trigger).await,
        ),
        None => report.good("DBT_TRIGGER_URL is not set: dbt is not run after a sync"),
    }
    if report.failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

struct Report {
    failed: bool,
}

impl Report {
    fn good(&self, what: &str) {
        println!("ok    {what}");
    }

    fn bad(&mut self, what: &str, hint: Option<&str>) {
        self.failed = true;
        println!("FAIL  {what}");
        if let Some(hint) = hint {
            println!("      {hint}");
        }
    }

    fn of(&mut self, what: &str, result: Result<(), ApiError>) {
        match result {
            Ok(()) => self.good(what),
            Err(error) => self.bad(&format!("{what}: {}", error.message()), error.hint()),
        }
    }
}

async fn token(syncer: &Syncer, report: &mut Report) {
    let facts = match syncer.token_facts().await {
        Ok(Some(facts)) => facts,
        Ok(None) => return report.good("this kind of token can't be asked for its scopes"),
        Err(error) => return report.bad(error.message(), error.hint()),
    };
    let may_read = facts.may_read();
    if may_read == Some(false) {
        let hint = "create a token with the scope read_api and set GITLAB_TOKEN to it";
        return report.bad(
            &format!("the token has the scopes {}, but not read_api", facts.scopes.join(", ")),
            Some(hint),
        );
    }
    match facts.ends_soon(OffsetDateTime::now_utc()) {
        warning if may_read.is_none() => {
            let warning = warning.map(|warning| format!("; {warning}")).unwrap_or_default();
            report.good(&format!(
                "the token's scopes do not tell whether it may read everything{warning}"
            ));
        }
        Some(warning) => report.good(&format!("the token has the scope it needs, but {warning}")),
        None => report.good(&end_of(&facts)),
    }
}

fn end_of(facts: &TokenFacts) -> String {
    match facts.expires_on {
        Some(day) => format!("the token has the scope it needs until {day}"),
        None => "the token has the scope it needs".to_owned(),
    }
}

/// Asks for something that only those with the token may see, and that runs nothing.
async fn ask_trigger(trigger: &DbtTrigger) -> Result<(), ApiError> {
    let unreachable = |problem: String| {
        ApiError::bad_request("dbt_unreachable", problem)
            .with_hint("check DBT_TRIGGER_URL, that the function is running, and who may call it")
    };
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .build()
        .map_err(|e| unreachable(e.to_string()))?;
    let mut url = trigger.url.clone();
    url.set_path(&format!("{}/runs", url.path().trim_end_matches('/')));
    let request = client.get(url).bearer_auth(trigger.token.expose());
    let answer = crate::dbt::admitted(trigger, request)
        .await
        .map_err(unreachable)?
        .send()
        .await;
    let answer = answer.map_err(|e| unreachable(e.without_url().to_string()))?;
    match answer.status().as_u16() {
        200..=299 => Ok(()),
        401 => Err(ApiError::bad_request("unauthorized", "it refuses the token")
            .with_hint("set DBT_TRIGGER_AUTH_TOKEN to the AUTH_TOKEN of dbt-trigger")),
        status => Err(unreachable(format!("it answered HTTP {status}"))),
    }
}
