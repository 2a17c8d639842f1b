//! What a webhook's payload names.

use serde_json::Value;

use crate::sync::Refetch;

/// Reads a payload.
///
/// # Errors
/// Why there is nothing to do for it.
pub fn read(payload: &Value) -> Result<Refetch, String> {
    let Some(project) = payload["project"]["path_with_namespace"].as_str() else {
        return Err("the payload names no project".into());
    };
    let attributes = &payload["object_attributes"];
    let mut wanted = Refetch {
        project: project.to_owned(),
        ..Refetch::default()
    };
    let merge_request = |json: &Value| json["iid"].as_i64();
    match payload["object_kind"].as_str().unwrap_or_default() {
        "merge_request" => wanted.merge_requests.extend(merge_request(attributes)),
        "issue" | "work_item" => wanted.issues.extend(attributes["iid"].as_i64()),
        "note" => {
            wanted.merge_requests.extend(merge_request(&payload["merge_request"]));
            wanted.issues.extend(payload["issue"]["iid"].as_i64());
        }
        "pipeline" => {
            wanted.pipelines_of = attributes["sha"]
                .as_str()
                .filter(|sha| is_hexadecimal(sha))
                .map(ToOwned::to_owned);
            wanted.merge_requests.extend(merge_request(&payload["merge_request"]));
        }
        "push" => {
            let branch = payload["ref"]
                .as_str()
                .and_then(|name| name.strip_prefix("refs/heads/"));
            wanted.branch = branch.map(ToOwned::to_owned);
        }
        "" => return Err("the payload does not tell what it is about".into()),
        other => return Err(format!("nothing is synced because of a {other} hook")),
    }
    let nothing = Refetch {
        project: wanted.project.clone(),
        ..Refetch::default()
    };
    if wanted == nothing {
        return Err("the payload names nothing that is synced".into());
    }
    Ok(wanted)
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
        let of = |payload: Value| read(&payload);
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
                let _ = read(&payload);
            }
        }
    }
}
