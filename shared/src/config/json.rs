//! Settings from JSON: a file, or a request's body. Keys are the variables' names in lower case.

use serde_json::{Map, Value as Json};

use super::{Env, Problem};
use crate::secret::SCHEME;

/// Names the file with settings.
const FILE: &str = "CONFIG_FILE";

impl Env {
    /// Adds the settings of the JSON file that the variable `CONFIG_FILE` names, if it is set. What the
    /// environment sets counts more.
    pub fn add_file(&mut self) {
        let path = self
            .string(FILE, "a JSON file with settings, their names in lower case")
            .optional();
        let Some(path) = path else { return };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => return self.problem(FILE, format!("names {path}, which can't be read: {error}")),
        };
        match serde_json::from_str::<Map<String, Json>>(&text) {
            Ok(settings) => self.add_json(&settings, &path, false),
            // The error tells the place and never the text, which holds secrets.
            Err(error) => self.problem(
                FILE,
                format!(
                    "names {path}, which is not a JSON object (line {}, column {})",
                    error.line(),
                    error.column()
                ),
            ),
        }
    }

    /// Adds the settings of a request's body, which count more than the environment. References to the
    /// environment are for secrets alone, whose values are shown to nobody, and never name one of ours or one
    /// in Secret Manager: who may call is not therefore who may read what this process can.
    pub fn add_body(&mut self, settings: &Map<String, Json>) {
        self.add_json(settings, "the request's body", true);
    }

    /// Adds settings. A value is a text, a number, true or false, or a list of texts; `${NAME}` in a text
    /// stands for an environment variable. `wins` tells whether they come from a request and count more than
    /// the environment.
    pub(crate) fn add_json(&mut self, settings: &Map<String, Json>, from: &str, wins: bool) {
        let environment = self.source.clone();
        for (key, value) in settings {
            let name = key.to_uppercase();
            let Some(text) = text_of(value) else {
                self.problem(
                    &name,
                    format!("in {from} must be a text, a number, true, false or a list of texts"),
                );
                continue;
            };
            let mut named = Vec::new();
            let looked_up = resolve(&text, |name| {
                named.push(name.to_owned());
                environment.get(name).cloned()
            });
            if wins && !named.is_empty() {
                self.references_in_body.push((name.clone(), named));
            }
            let resolved = match looked_up {
                Ok(resolved) => resolved,
                Err(unknown) => {
                    self.problem(
                        &name,
                        format!("in {from} refers to ${{{unknown}}}, which is not set in the environment"),
                    );
                    continue;
                }
            };
            if wins && resolved.trim_start().starts_with(SCHEME) {
                self.problem(&name, "is in Secret Manager, which a request may not refer to");
                continue;
            }
            self.from_json.push((name.clone(), from.to_owned()));
            if wins || !self.is_set(&name) {
                self.source.insert(name, resolved);
            }
        }
    }

    /// Settings of a request's body that refer to what no request may: their own problems would show it.
    pub(super) fn forbidden_in_body(&self) -> Vec<Problem> {
        let is_secret = |name: &str| {
            self.declared
                .iter()
                .any(|declared| declared.name == name && declared.secret)
        };
        let problem = |name: &String, message: String| Problem {
            variable: name.clone(),
            message,
        };
        let of = |(name, named): &(String, Vec<String>)| {
            let ours = named.iter().find(|named| is_secret(named));
            match (is_secret(name), ours) {
                (false, _) => {
                    let first = named.first().map_or("", String::as_str);
                    Some(format!(
                        "refers to ${{{first}}}, but in a request only secrets may refer to the environment"
                    ))
                }
                (true, Some(ours)) => Some(format!(
                    "refers to ${{{ours}}}, which is a secret of this function's own"
                )),
                (true, None) => None,
            }
            .map(|message| problem(name, message))
        };
        self.references_in_body.iter().filter_map(of).collect()
    }

    /// Settings from JSON that nobody declared: misspelt ones, most likely.
    pub(super) fn unknown_in_json(&self) -> Vec<Problem> {
        let known = |name: &str| self.declared.iter().any(|declared| declared.name == name);
        let unknown = self.from_json.iter().filter(|(name, _)| !known(name));
        unknown
            .map(|(name, from)| Problem {
                variable: name.clone(),
                message: format!("in {from} is not a setting; --help lists them all"),
            })
            .collect()
    }
}

fn text_of(value: &Json) -> Option<String> {
    match value {
        Json::Null => Some(String::new()),
        Json::String(text) => Some(text.clone()),
        Json::Bool(flag) => Some(flag.to_string()),
        Json::Number(number) => Some(number.to_string()),
        Json::Array(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(Json::as_str).collect();
            Some(texts?.join(","))
        }
        Json::Object(_) => None,
    }
}

/// Puts variables in the places of their references; the error is the name of one that is not set.
fn resolve(text: &str, mut variable: impl FnMut(&str) -> Option<String>) -> Result<String, String> {
    let mut resolved = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else {
            break;
        };
        resolved.push_str(before);
        resolved.push_str(&variable(name).ok_or_else(|| name.to_owned())?);
        rest = behind;
    }
    resolved.push_str(rest);
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn env(settings: Json, wins: bool) -> Env {
        let mut env = Env::from_map([("TOKEN", "from-env-1"), ("SIZE", "1")]);
        let Json::Object(settings) = settings else {
            unreachable!("an object")
        };
        env.add_json(&settings, "the body", wins);
        env
    }

    #[test]
    fn keys_are_variables_in_lower_case_and_values_may_be_texts() {
        let mut env = env(
            json!({"groups": ["a", "b"], "hours": "0.5", "on": true, "gone": null}),
            false,
        );
        assert_eq!(env.list("GROUPS", "").default(vec![]), ["a", "b"]);
        assert!((env.number::<f64>("HOURS", "").default(1.0) - 0.5).abs() < 1e-9);
        assert!(env.bool("ON", "").default(false));
        assert_eq!(env.string("GONE", "").optional(), None);
        assert_eq!(env.finish(), Ok(()));
    }

    #[test]
    fn references_are_resolved_and_unknown_ones_are_named() {
        let mut known = env(json!({"key": "x-${TOKEN}-y"}), false);
        assert_eq!(known.string("KEY", "").required("x"), "x-from-env-1-y");
        let mut unknown = env(json!({"key": "${NOWHERE}"}), false);
        let _ = unknown.string("KEY", "").optional();
        let problems = unknown.finish().unwrap_err().to_string();
        assert!(problems.contains("KEY") && problems.contains("NOWHERE"), "{problems}");
    }

    #[test]
    fn the_environment_counts_more_unless_told_otherwise() {
        assert_eq!(env(json!({"size": 2}), false).number::<u16>("SIZE", "").default(0), 1);
        assert_eq!(env(json!({"size": 2}), true).number::<u16>("SIZE", "").default(0), 2);
    }

    #[test]
    fn a_request_refers_only_with_secrets_and_never_to_ours() {
        let of = |body: Json| {
            let mut env = Env::from_map([("AUTH_TOKEN", "hunter2"), ("OTHER", "hunter3"), ("PORT", "81")]);
            env.add_body(body.as_object().expect("an object"));
            let _ = env.secret("AUTH_TOKEN", "").optional();
            let token = env.secret("TOKEN", "").optional();
            env.number::<u16>("PORT", "").default(1);
            let _ = env.string("NAME", "").optional();
            (env.finish().map_err(|problems| problems.to_string()), token)
        };
        let (outcome, token) = of(json!({"token": "${OTHER}"}));
        assert_eq!(outcome, Ok(()));
        assert!(token.is_some_and(|token| token.matches(b"hunter3")));
        for body in [
            json!({"port": "${AUTH_TOKEN}"}),
            json!({"port": ["${OTHER}"]}),
            json!({"name": "x${OTHER}"}),
            json!({"token": "${OTHER}${AUTH_TOKEN}"}),
            json!({"token": "sm://projects/p/secrets/s"}),
        ] {
            let problems = of(body.clone()).0.expect_err("refused");
            assert!(
                !problems.contains("hunter") && problems.contains("1 problem:"),
                "{body}: {problems}"
            );
        }
    }

    #[test]
    fn a_misspelt_setting_is_a_problem() {
        let mut env = env(json!({"gitlab_tokn": "x"}), false);
        let _ = env.string("GITLAB_TOKEN", "").optional();
        let problems = env.finish().unwrap_err().to_string();
        assert!(problems.contains("GITLAB_TOKN"), "{problems}");
    }
}
