//! Settings from JSON: a file, or a request's body. Keys are the variables' names in lower case.

use serde_json::{Map, Value as Json};

use super::{Env, Fields, Problem};
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
        match serde_json::from_str::<Fields>(&text) {
            Ok(fields) => {
                if let Some(name) = fields.named_twice() {
                    self.problem(
                        FILE,
                        format!("names {path}, which sets {name} twice (case does not matter)"),
                    );
                }
                self.add_json(&fields.into_map(), &path);
            }
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

    /// Adds the settings of a request's body, which count more than the environment. They stand for themselves: who may
    /// call is not therefore who may read what this process can.
    pub fn add_body(&mut self, settings: &Map<String, Json>) {
        let from = "the request's body";
        for (key, value) in settings {
            let name = key.to_uppercase();
            let Some(text) = text_of(value) else {
                self.not_a_setting(&name, from);
                continue;
            };
            if text.contains("${") || text.trim_start().starts_with(SCHEME) {
                self.problem(
                    &name,
                    format!("in {from} refers to what this function can read; give the value itself"),
                );
                continue;
            }
            self.from_json.push((name.clone(), from.to_owned()));
            self.source.insert(name, text);
        }
    }

    /// Adds settings of a file. A value is a text, a number, true or false, or a list of texts; `${NAME}` in a text stands
    /// for an environment variable. What the environment sets counts more.
    pub(crate) fn add_json(&mut self, settings: &Map<String, Json>, from: &str) {
        let environment = self.source.clone();
        for (key, value) in settings {
            let name = key.to_uppercase();
            let Some(text) = text_of(value) else {
                self.not_a_setting(&name, from);
                continue;
            };
            match resolve(&text, |name| environment.get(name).cloned()) {
                Ok(resolved) => {
                    self.from_json.push((name.clone(), from.to_owned()));
                    if !self.is_set(&name) {
                        self.source.insert(name, resolved);
                    }
                }
                Err(unknown) => self.problem(
                    &name,
                    format!("in {from} refers to ${{{unknown}}}, which is not set in the environment"),
                ),
            }
        }
    }

    fn not_a_setting(&mut self, name: &str, from: &str) {
        let message = format!("in {from} must be a text, a number, true, false or a list of texts");
        self.problem(name, message);
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
fn resolve(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<String, String> {
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

    fn env(settings: Json) -> Env {
        let mut env = Env::from_map([("TOKEN", "from-env-1"), ("SIZE", "1")]);
        env.add_json(settings.as_object().expect("an object"), "the file");
        env
    }

    #[test]
    fn keys_are_variables_in_lower_case_and_values_may_be_texts() {
        let mut env = env(json!({"groups": ["a", "b"], "hours": "0.5", "on": true, "gone": null}));
        assert_eq!(env.list("GROUPS", "").default(vec![]), ["a", "b"]);
        assert!((env.number::<f64>("HOURS", "").default(1.0) - 0.5).abs() < 1e-9);
        assert!(env.bool("ON", "").default(false));
        assert_eq!(env.string("GONE", "").optional(), None);
        assert_eq!(env.finish(), Ok(()));
    }

    #[test]
    fn references_are_resolved_and_unknown_ones_are_named() {
        let mut known = env(json!({"key": "x-${TOKEN}-y"}));
        assert_eq!(known.string("KEY", "").required("x"), "x-from-env-1-y");
        let mut unknown = env(json!({"key": "${NOWHERE}"}));
        let _ = unknown.string("KEY", "").optional();
        let problems = unknown.finish().unwrap_err().to_string();
        assert!(problems.contains("KEY") && problems.contains("NOWHERE"), "{problems}");
    }

    #[test]
    fn the_environment_counts_more_than_a_file_and_a_body_more_than_both() {
        let mut env = env(json!({"size": 2}));
        assert_eq!(env.number::<u16>("SIZE", "").default(0), 1);
        env.add_body(json!({"size": 3}).as_object().expect("an object"));
        assert_eq!(env.number::<u16>("SIZE", "").default(0), 3);
        assert_eq!(env.finish(), Ok(()));
    }

    #[test]
    fn a_body_refers_to_nothing() {
        for value in [
            json!("${OTHER}"),
            json!("x${AUTH_TOKEN}"),
            json!(["a", "${OTHER}"]),
            json!("${"),
            json!("sm://projects/p/secrets/s"),
            json!({"a": 1}),
        ] {
            let mut env = Env::from_map([("AUTH_TOKEN", "hunter2"), ("OTHER", "hunter3")]);
            let body = json!({"token": value});
            env.add_body(body.as_object().expect("an object"));
            let _ = env.secret("TOKEN", "").optional();
            let problems = env.finish().expect_err("refused").to_string();
            assert!(
                problems.contains("1 problem:") && !problems.contains("hunter"),
                "{body}: {problems}"
            );
        }
    }

    #[test]
    fn a_misspelt_setting_is_a_problem() {
        let mut env = env(json!({"gitlab_tokn": "x"}));
        let _ = env.string("GITLAB_TOKEN", "").optional();
        let problems = env.finish().unwrap_err().to_string();
        assert!(problems.contains("GITLAB_TOKN"), "{problems}");
    }
}
