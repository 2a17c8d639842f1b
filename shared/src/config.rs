//! Settings from environment variables: every problem found in one go, every variable described.
//!
//! ```
//! use mergemind_shared::config::Env;
//!
//! let mut env = Env::from_map([("PORT", "8081")]);
//! let port: u16 = env.number("PORT", "port to listen on").default(8080);
//! let token = env.secret("AUTH_TOKEN", "token that callers show").required("openssl rand -hex 32");
//! assert_eq!(port, 8081);
//! // AUTH_TOKEN is missing: `token` holds a stand-in, and `finish` says so.
//! assert!(env.finish().unwrap_err().to_string().contains("AUTH_TOKEN"));
//! # let _ = token;
//! ```

mod command_line;
mod fields;
mod json;
mod table;
mod value;
mod variable;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use url::Url;

pub use command_line::{Program, load, load_or};
pub use fields::Fields;
pub use value::Value;
pub use variable::Variable;

use crate::secret::{Secret, SecretManager, keep_fresh};

/// 64 bits in hexadecimal: out of reach for guesses over a network.
const SHORTEST_TOKEN: usize = 16;

/// Reads variables, remembers what was declared, and collects problems instead of stopping at one.
#[derive(Debug)]
pub struct Env {
    source: BTreeMap<String, String>,
    declared: Vec<Declared>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    /// Secrets that must be fetched before they are of use.
    references: Vec<(&'static str, Secret)>,
    /// Variables that came from JSON: their names, and where that was.
    from_json: Vec<(String, String)>,
}

/// One variable, as `--help` and `--print-config` show it.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    pub(crate) name: &'static str,
    pub(crate) description: String,
    pub(crate) default: String,
    pub(crate) current: String,
}

/// What is wrong with one variable, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The variable's name.
    pub variable: String,
    /// What is wrong and how to mend it, without the value of a secret.
    pub message: String,
}

/// Every problem of a configuration; its `Display` is one readable line for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Env {
    /// The variables of this process. Those that are not valid Unicode count as unset.
    #[must_use]
    pub fn from_process() -> Self {
        Self::from_map(
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// Variables from a map, for tests.
    pub fn from_map<K: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (K, V)>) -> Self {
        Self {
            source: variables.into_iter().map(|(k, v)| (k.into(), v.into())).collect(),
            declared: Vec::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
            references: Vec::new(),
            from_json: Vec::new(),
        }
    }

    /// A text. Like every type here: surrounding blanks are cut, and an empty value counts as unset,
    /// because deployment templates produce empty ones.
    pub fn string(&mut self, name: &'static str, description: &str) -> Variable<'_, String> {
        self.variable(name, description)
    }

    /// A secret: never printed, and refused if it is a placeholder such as `changeme`. A reference of the
    /// form `sm://projects/P/secrets/S[/versions/V]` is fetched by [`Env::resolve_secrets`].
    pub fn secret(&mut self, name: &'static str, description: &str) -> Variable<'_, Secret> {
        self.variable(name, description).check(Secret::check)
    }

    /// A secret that callers show to us and that we or the user have made up: below 16 characters it is refused,
    /// because whoever reaches the function may try as many as they like. A token that somebody else issues (GitLab's)
    /// is a [`secret`](Self::secret).
    pub fn token(&mut self, name: &'static str, description: &str) -> Variable<'_, Secret> {
        self.secret_that(name, description, |value| match value.len() {
            SHORTEST_TOKEN.. => Ok(()),
            _ => Err(format!(
                "has fewer than {SHORTEST_TOKEN} characters, so it can be guessed; make one with: openssl rand -hex 32"
            )),
        })
    }

    /// A secret that keeps `rule`, now and whenever it is read again. The rule's error is the end of a sentence that
    /// begins with the secret's name, and never holds its value.
    pub fn secret_that(
        &mut self,
        name: &'static str,
        description: &str,
        rule: fn(&str) -> Result<(), String>,
    ) -> Variable<'_, Secret> {
        self.variable(name, description).check(move |secret: &Secret| {
            secret.require(rule);
            secret.check()
        })
    }

    /// A number; give it bounds with [`Variable::range`].
    pub fn number<N: value::Number>(&mut self, name: &'static str, description: &str) -> Variable<'_, N> {
        self.variable(name, description)
    }

    /// `true`/`false`, `yes`/`no`, `on`/`off`, `1`/`0`.
    pub fn bool(&mut self, name: &'static str, description: &str) -> Variable<'_, bool> {
        self.variable(name, description)
    }

    /// An `http://` or `https://` address. A password in it is never shown.
    pub fn url(&mut self, name: &'static str, description: &str) -> Variable<'_, Url> {
        self.variable(name, description)
    }

    /// Texts with commas between them; blanks and empty parts are dropped.
    pub fn list(&mut self, name: &'static str, description: &str) -> Variable<'_, Vec<String>> {
        self.variable(name, description)
    }

    /// A length of time: `300` (seconds), `250ms`, `90s`, `5m`, `2h`, `1d`.
    pub fn duration(&mut self, name: &'static str, description: &str) -> Variable<'_, Duration> {
        self.variable(name, description)
    }

    /// A variable of any type that implements [`Value`].
    pub fn variable<T: Value>(&mut self, name: &'static str, description: &str) -> Variable<'_, T> {
        Variable {
            env: self,
            name,
            description: description.into(),
            checks: Vec::new(),
        }
    }

    /// Adds a problem that only shows when variables are seen together.
    pub fn problem(&mut self, variable: &str, message: impl Into<String>) {
        self.problems.push(Problem {
            variable: variable.into(),
            message: message.into(),
        });
    }

    /// Adds something that is worth telling but does not stop the start.
    pub fn warn(&mut self, variable: &str, message: impl Into<String>) {
        self.warnings.push(Problem {
            variable: variable.into(),
            message: message.into(),
        });
    }

    /// Whether a variable is set to something.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// A variable of the system, such as `PATH`, that is read but not ours to describe.
    #[must_use]
    pub fn system(&self, name: &str) -> Option<&str> {
        self.raw(name)
    }

    /// What [`Env::warn`] collected.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Ends reading.
    ///
    /// # Errors
    /// Every problem that was found. The values read are then stand-ins and must not be used.
    pub fn finish(&self) -> Result<(), Problems> {
        let mut problems = self.problems.clone();
        problems.extend(self.unknown_in_json());
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Problems(problems))
        }
    }

    /// Fetches every secret that is a reference, and goes on renewing them in the background. The
    /// variable `SECRET_MANAGER_EMULATOR_HOST` names a stand-in for Secret Manager. On Cloud Run it waits
    /// up to 45 s for roles and versions that are new.
    ///
    /// # Errors
    /// Every secret that can't be had.
    pub async fn resolve_secrets(&self) -> Result<(), Problems> {
        if self.references.is_empty() {
            return Ok(());
        }
        let problem = |name: &str, message: String| Problem {
            variable: name.into(),
            message,
        };
        let manager = SecretManager::connect(self.raw("SECRET_MANAGER_EMULATOR_HOST")).await;
        let mut manager = manager.map_err(|e| {
            let names = self.references.iter().map(|(name, _)| *name);
            Problems(
                names
                    .map(|name| problem(name, format!("is in Secret Manager, which can't be used: {e}")))
                    .collect(),
            )
        })?;
        if self.raw("K_SERVICE").is_some() {
            manager = manager.awaiting_grants();
        }
        let mut problems = Vec::new();
        for (name, secret) in &self.references {
            if let Err(e) = manager.resolve(name, secret).await {
                problems.push(problem(name, e.without_setting()));
            }
        }
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        keep_fresh(self.references.iter().map(|(_, secret)| secret));
        Ok(())
    }

    pub(crate) fn declared(&self) -> &[Declared] {
        &self.declared
    }

    fn raw(&self, name: &str) -> Option<&str> {
        self.source
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, s) = (self.0.len(), if self.0.len() == 1 { "" } else { "s" });
        write!(f, "the configuration has {count} problem{s}:")?;
        for problem in &self.0 {
            write!(f, "\n  {} {}", problem.variable, problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests;
