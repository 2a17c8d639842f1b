//! Tokens that live in Secret Manager.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::callers::with_bearer;
use crate::issuer::Server;
use crate::support::{Project, Trigger, eventually, one_model};

#[test]
fn a_token_in_secret_manager_is_rotated_without_a_restart() {
    let secrets = Server::start();
    let path = "/v1/projects/p/secrets/token/versions/latest:access";
    let store = |value: &str| secrets.set(path, &json!({"payload": {"data": STANDARD.encode(value)}}));
    store("first-real-token");
    let trigger = Trigger::start(
        &one_model(),
        &[
            ("AUTH_TOKEN", "sm://projects/p/secrets/token"),
            ("SECRET_MANAGER_EMULATOR_HOST", &secrets.address),
        ],
    );
    assert_eq!(with_bearer(&trigger, "first-real-token").status, 200);
    store("second-real-token");
    assert_eq!(with_bearer(&trigger, "second-real-token").status, 200);
    assert_eq!(with_bearer(&trigger, "first-real-token").status, 401);
    assert!(!trigger.log().contains("real-token"));
}

#[test]
fn a_secret_that_cannot_be_had_stops_the_start_and_names_the_setting() {
    let secrets = Server::start();
    let project = Project::new(&one_model());
    let output = project
        .command(&[
            ("AUTH_TOKEN", "sm://projects/p/secrets/token"),
            ("SECRET_MANAGER_EMULATOR_HOST", &secrets.address),
        ])
        .output()
        .expect("it ends");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("AUTH_TOKEN refers to projects/p/secrets/token/versions/latest"),
        "{said}"
    );
    assert_eq!(secrets.asked(), 1, "elsewhere than on Cloud Run nobody waits");
}

#[test]
fn on_cloud_run_a_secret_that_is_refused_twice_is_asked_for_again_at_the_start() {
    let secrets = Server::start();
    let (path, token) = (
        "/v1/projects/p/secrets/token/versions/latest:access",
        "late-real-token-1",
    );
    let trigger = std::thread::scope(|scope| {
        scope.spawn(|| {
            eventually("two refusals", || (secrets.asked() >= 2).then_some(()));
            secrets.set(path, &json!({"payload": {"data": STANDARD.encode(token)}}));
        });
        Trigger::start(
            &one_model(),
            &[
                ("K_SERVICE", "dbt-trigger"),
                ("HOST", "127.0.0.1"),
                ("RUN_LEASE", "false"),
                ("AUTH_TOKEN", "sm://projects/p/secrets/token"),
                ("SECRET_MANAGER_EMULATOR_HOST", &secrets.address),
            ],
        )
    });
    assert!(secrets.asked() >= 3, "{} questions", secrets.asked());
    assert_eq!(with_bearer(&trigger, token).status, 200);
    assert!(trigger.log().contains("trying again") && !trigger.log().contains(token));
}
