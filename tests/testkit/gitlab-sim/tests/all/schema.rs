//! What a client learns of the schema by asking, so that it leaves out what an instance lacks.

use gitlab_sim::data::Version;
use gitlab_sim::generate::Sizes;
use serde_json::{Value, json};

use crate::sim::{Sim, sizes};

#[test]
fn a_client_can_ask_what_the_schema_has() {
    let names = |version, enterprise| -> Value {
        let sim = Sim::with_version(
            &Sizes {
                enterprise,
                ..sizes(20)
            },
            version,
        );
        let part = |name: &str| format!("{name}: __type(name: \"{name}\") {{ fields {{ name args {{ name }} }} }}");
        let types = [
            "MergeRequest",
            "Issue",
            "Project",
            "Group",
            "Pipeline",
            "Note",
            "Label",
            "Milestone",
            "UserCore",
            "Query",
        ];
        let probe = format!(
            "query Probe {{ {} missing: __type(name: \"Nope\") {{ name }} }}",
            types.map(part).join(" ")
        );
        let data = sim.data(&probe, &json!({}));
        assert!(data["missing"].is_null());
        data
    };
    let has = |data: &Value, of: &str, field: &str| {
        let fields = data[of]["fields"].as_array().expect("fields");
        fields.iter().any(|known| known["name"] == field)
    };
    let (new, free, old) = (
        names(Version::New, true),
        names(Version::New, false),
        names(Version::Old, true),
    );
    for (of, field) in [
        ("Issue", "weight"),
        ("MergeRequest", "approvalsLeft"),
        ("MergeRequest", "changeRequesters"),
    ] {
        assert_eq!((has(&new, of, field), has(&free, of, field)), (true, false), "{field}");
    }
    for (of, field) in [
        ("MergeRequest", "closedAt"),
        ("MergeRequest", "preparedAt"),
        ("MergeRequest", "detailedMergeStatus"),
        ("Project", "updatedAt"),
        ("Note", "internal"),
        ("UserCore", "createdAt"),
    ] {
        assert_eq!((has(&new, of, field), has(&old, of, field)), (true, false), "{field}");
    }
    for (of, field) in [
        ("Issue", "closedAt"),
        ("Label", "updatedAt"),
        ("Milestone", "webPath"),
        ("Group", "issues"),
    ] {
        assert!(has(&old, of, field), "{field}");
    }
}
