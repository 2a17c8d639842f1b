//! What a webhook's payload names.

use serde_json::Value;

/// What to ask GitLab for because of a webhook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    /// The project's full path.
    pub project: String,
    /// Merge requests by number.
    pub merge_requests: Vec<i64>,
    /// Issues by number.
    pub issues: Vec<i64>,
    /// A commit whose pipelines changed.
    pub pipelines_of: Option<String>,
    /// A branch that was pushed to.
    pub branch: Option<String>,
}

impl Hint {
    /// Reads a payload.
    ///
    /// # Errors
    /// Why there is nothing to do for it.
    pub fn of(payload: &Value) -> Result<Self, String> {
        let Some(project) = payload["project"]["path_with_namespace"].as_str() else {
            return Err("the payload names no project".into());
        };
        let attributes = &payload["object_attributes"];
        let mut hint = Self {
            project: project.to_owned(),
            ..Self::default()
        };
        let merge_request = |json: &Value| json["iid"].as_i64();
        match payload["object_kind"].as_str().unwrap_or_default() {
            "merge_request" => hint.merge_requests.extend(merge_request(attributes)),
            "issue" | "work_item" => hint.issues.extend(attributes["iid"].as_i64()),
            "note" => {
                hint.merge_requests.extend(merge_request(&payload["merge_request"]));
                hint.issues.extend(payload["issue"]["iid"].as_i64());
            }
            "pipeline" => {
                hint.pipelines_of = attributes["sha"]
                    .as_str()
                    .filter(|sha| is_hexadecimal(sha))
                    .map(ToOwned::to_owned);
                hint.merge_requests.extend(merge_request(&payload["merge_request"]));
            }
            "push" => {
                let branch = payload["ref"]
                    .as_str()
                    .and_then(|name| name.strip_prefix("refs/heads/"));
                hint.branch = branch.map(ToOwned::to_owned);
            }
            "" => return Err("the payload does not tell what it is about".into()),
            other => return Err(format!("nothing is synced because of a {other} hook")),
        }
        let nothing = Self {
            project: hint.project.clone(),
            ..Self::default()
        };
        if hint == nothing {
            return Err("the payload names nothing that is synced".into());
        }
        Ok(hint)
    }
}

fn is_hexadecimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn each_hook_names_what_to_ask_for() {
        let project = json!({"path_with_namespace": "acme/web"});
        let of = |payload: Value| Hint::of(&payload);
        let hint = of(json!({"object_kind": "merge_request", "project": project, "object_attributes": {"iid": 7}}));
        assert_eq!(hint.expect("a hint").merge_requests, [7]);
        let hint = of(json!({"object_kind": "note", "project": project, "merge_request": {"iid": 8}}));
        assert_eq!(hint.expect("a hint").merge_requests, [8]);
        let hint = of(json!({"object_kind": "pipeline", "project": project, "object_attributes": {"sha": "abc123"}}));
        assert_eq!(hint.expect("a hint").pipelines_of.as_deref(), Some("abc123"));
        let hint = of(json!({"object_kind": "push", "project": project, "ref": "refs/heads/feature/x"}));
        assert_eq!(hint.expect("a hint").branch.as_deref(), Some("feature/x"));
        assert!(of(json!({"object_kind": "push", "project": project, "ref": "refs/tags/v1"})).is_err());
        assert!(of(json!({"object_kind": "wiki_page", "project": project})).is_err());
        assert!(of(json!({"object_kind": "note"})).is_err());
        assert!(of(json!([])).is_err());
    }

    proptest! {
        #[test]
        fn no_payload_makes_it_panic(text in "[\\[\\]{}\":,a-z0-9 ]{0,80}") {
            if let Ok(payload) = serde_json::from_str::<Value>(&text) {
                let _ = Hint::of(&payload);
            }
        }
    }
}
