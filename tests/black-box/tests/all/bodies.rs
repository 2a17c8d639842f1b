//! What the body of `POST /` may and may not do. Who may ask for a sync does not own what the connector can reach.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use black_box::{World, warehouse, warehouse_rows};
use local_stack::{GITLAB_TOKEN, http};
use serde_json::{Value, json};

const TOKEN: &str = "callers-0c1f6e1f5b7a2d90";

/// An address of somebody else: it answers everything, and keeps what it was sent.
struct Stranger {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Stranger {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = heads.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let head = answer(stream);
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(head);
            }
        });
        Self { url, heads }
    }

    /// Heads of requests that came here.
    fn heard(&self) -> Vec<String> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn answer(mut stream: TcpStream) -> String {
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("a timeout");
    let (mut text, mut part) = (Vec::new(), [0; 4096]);
    while !text.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut part) {
            Ok(0) | Err(_) => break,
            Ok(count) => text.extend_from_slice(&part[..count]),
        }
    }
    let body = r#"{"password":"swordfish"}"#;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
    let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    String::from_utf8_lossy(&text).into_owned()
}

/// Bodies that would take rows, tokens or an identity away.
fn attacks(stranger: &str, dataset: &str) -> Vec<String> {
    let with_token_twice = |more: &str| {
        format!(
            r#"{{"gitlab_base_url":"{stranger}","bq_dataset_raw":"{dataset}","GITLAB_TOKEN":"plain","gitlab_token":"{more}"}}"#
        )
    };
    let bodies = [
        // All rows into another warehouse, with our token.
        json!({"bigquery_emulator_host": stranger, "bigquery_storage_emulator_host": stranger, "bq_dataset_raw": dataset, "auto_discover_projects": true}),
        json!({"bq_dataset_raw": dataset}),
        json!({"project_id": "attackers-project", "bq_dataset_raw": dataset}),
        // An ID token of our account, for any audience.
        json!({"dbt_trigger_url": stranger, "dbt_trigger_auth_token": "mine", "dbt_trigger_audience": "https://any-other-service.run.app", "bq_dataset_raw": dataset}),
        json!({"dbt_trigger_audience": "https://any-other-service.run.app"}),
        json!({"dbt_trigger_url": stranger, "bq_dataset_raw": dataset}),
        // What an address inside answers.
        json!({"dbt_trigger_url": format!("{stranger}/admin/keys"), "dbt_trigger_auth_token": "mine", "bq_dataset_raw": dataset}),
        json!({"gitlab_base_url": stranger}),
        // Another GitLab in the place of ours.
        json!({"gitlab_base_url": stranger, "gitlab_token": "glpat-simulated", "reconcile": true, "full_refresh": true}),
    ];
    let mut bodies: Vec<String> = bodies.iter().map(Value::to_string).collect();
    bodies.extend(["${COMPANY_GITLAB_TOKEN}", "${OTHER_SECRET}", "plain"].map(with_token_twice));
    bodies.push(
        json!({"gitlab_base_url": stranger, "gitlab_token": "${OTHER_SECRET}", "bq_dataset_raw": dataset}).to_string(),
    );
    bodies
}

#[test]
fn a_body_takes_nothing_away_whether_settings_are_allowed_in_it_or_not() {
    let world = World::new("bodies", &["--seed", "71", "--merge-requests", "20"]);
    let stranger = Stranger::new();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("settings.json");
    std::fs::write(&file, r#"{"gitlab_token": "${COMPANY_GITLAB_TOKEN}"}"#).expect("written");
    let stolen = format!("{}_stolen", world.raw);
    for allowed in ["false", "true"] {
        let connector = world.connector(&[
            ("GITLAB_TOKEN", ""),
            ("COMPANY_GITLAB_TOKEN", GITLAB_TOKEN),
            ("OTHER_SECRET", "hunter2-from-the-environment"),
            ("CONFIG_FILE", file.to_str().expect("a path")),
            ("AUTH_TOKEN", TOKEN),
            ("ALLOW_SETTINGS_IN_BODY", allowed),
            // Google's metadata server: it would make the ID token.
            ("GCE_METADATA_HOST", stranger.url.trim_start_matches("http://")),
        ]);
        let before = json!({"sync": world.sync(&connector)["status"], "rows": alive(&world)});
        for body in attacks(&stranger.url, &stolen) {
            let (status, answer) = http::post_text(&connector.url, Some(TOKEN), &body).expect("an answer");
            assert_eq!(status, 400, "{body} {answer:#}");
            let text = answer.to_string();
            for secret in [GITLAB_TOKEN, "hunter2", "swordfish"] {
                assert!(!text.contains(secret), "{body} {answer:#}");
            }
            if allowed == "false" && !body.contains("GITLAB_TOKEN") && !body.contains("${") {
                assert_eq!(answer["code"], "setting_not_allowed", "{body} {answer:#}");
                let hint = answer["hint"].as_str().unwrap_or_default();
                assert!(hint.contains("streams") && hint.contains("start_date"), "{hint}");
                assert!(!hint.contains("gitlab_token"), "{hint}");
            }
        }
        assert_eq!(before["rows"], alive(&world));
    }
    assert_eq!(stranger.heard(), Vec::<String>::new());
}

fn alive(world: &World) -> Value {
    let rows = warehouse_rows(warehouse(), &world.raw, "merge_requests");
    json!(rows.len())
}

#[test]
fn a_body_that_may_have_settings_brings_its_own_credentials_and_waits_its_turn() {
    let world = World::new("own_settings", &["--seed", "72", "--merge-requests", "20"]);
    let (stranger, metadata) = (Stranger::new(), Stranger::new());
    let connector = world.connector(&[
        ("AUTH_TOKEN", TOKEN),
        ("ALLOW_SETTINGS_IN_BODY", "true"),
        ("GCE_METADATA_HOST", metadata.url.trim_start_matches("http://")),
    ]);
    let own = json!({
        "bq_dataset_raw": format!("{}_own", world.raw), "gitlab_token": GITLAB_TOKEN,
        "dbt_trigger_url": stranger.url, "dbt_trigger_auth_token": "its-own-token",
    });
    // One sync at a time in a process, whatever their settings.
    let url = connector.url.clone();
    let first = world.held_at_issues(Duration::from_secs(5), move || {
        http::post(&url, Some(TOKEN), &json!({}))
    });
    let (status, answer) = http::post(&connector.url, Some(TOKEN), &own).expect("an answer");
    assert_eq!((status, &answer["code"]), (409, &json!("sync_running")), "{answer:#}");
    let (status, answer) = first.join().expect("the first").expect("an answer");
    assert_eq!(status, 200, "{answer:#}");

    let (status, answer) = http::post(&connector.url, Some(TOKEN), &own).expect("an answer");
    assert_eq!((status, &answer["complete"]), (200, &json!(true)), "{answer:#}");
    let own_rows = warehouse_rows(warehouse(), &format!("{}_own", world.raw), "merge_requests");
    assert_eq!(
        own_rows.len(),
        warehouse_rows(warehouse(), &world.raw, "merge_requests").len()
    );
    // Its own token, and nobody's identity.
    let heard = stranger.heard();
    assert!(
        !heard.is_empty() && heard.iter().all(|head| head.contains("Bearer its-own-token")),
        "{heard:?}"
    );
    assert!(
        heard
            .iter()
            .all(|head| !head.to_lowercase().contains("x-serverless-authorization")),
        "{heard:?}"
    );
    assert_eq!(metadata.heard(), Vec::<String>::new());
}
