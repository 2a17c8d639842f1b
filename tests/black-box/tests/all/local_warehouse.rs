//! The local warehouse has no accounts and runs any SQL: what must not come of that (docs/security.md).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use black_box::warehouse;
use local_stack::PROJECT;
use serde_json::{Value, json};

use crate::trigger::browser::{Browser, DESK, serve};

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Where `host:port` of the warehouse is.
fn address() -> &'static str {
    warehouse().rest.strip_prefix("http://").expect("an address")
}

fn queries() -> String {
    format!("/bigquery/v2/projects/{PROJECT}/queries")
}

fn statement(sql: &str) -> String {
    json!({"query": strange(sql), "useLegacySql": false}).to_string()
}

/// Marked, so that it is not taken for a statement of the functions (scripts/emulator/recorder.py).
fn strange(sql: &str) -> String {
    format!("{sql}\n-- of a stranger")
}

/// A request with nothing but these headers and the length; the status and the body.
fn send(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(address()).expect("connects");
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        head += &format!("Host: {}\r\n", address());
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head[9..12].parse().expect("a status");
    (status, serde_json::from_str(body).unwrap_or_default())
}

/// A job by REST; what went wrong with it, if anything.
fn problem_of_job(configuration: &Value) -> Option<String> {
    let path = format!("/bigquery/v2/projects/{PROJECT}/jobs");
    let mut configuration = configuration.clone();
    if let Some(sql) = configuration["query"]["query"].as_str().map(strange) {
        configuration["query"]["query"] = sql.into();
    }
    let (_, job) = send(
        "POST",
        &path,
        &[JSON],
        &json!({"configuration": configuration}).to_string(),
    );
    let error = &job["status"]["errorResult"]["message"];
    let error = error.as_str().or_else(|| job["error"]["message"].as_str());
    error.map(str::to_owned)
}

#[test]
fn sql_reaches_no_file_of_the_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("secret"), "swordfish").expect("written");
    for sql in [
        format!(
            "COPY (SELECT 'ssh-ed25519 AAAA') TO '{}' (HEADER false)",
            path("written")
        ),
        format!("SELECT 1; COPY (SELECT 1) TO '{}'", path("written")),
        format!("SELECT content FROM read_text('{}')", path("secret")),
        format!("SELECT * FROM read_csv('{}')", path("secret")),
        format!("SELECT * FROM glob('{}/*')", folder.path().display()),
        format!("ATTACH '{}' AS other", path("written")),
        format!("EXPORT DATABASE '{}'", path("written")),
        format!(
            "EXPORT DATA OPTIONS (uri = 'file://{}/written-*.csv', format = 'CSV') AS SELECT 1 AS a",
            folder.path().display()
        ),
        "SET GLOBAL enable_external_access = true".into(),
        "SET lock_configuration = false".into(),
        "INSTALL httpfs".into(),
        "LOAD httpfs".into(),
    ] {
        let refused = warehouse().query(&strange(&sql)).expect_err(&sql);
        assert!(!refused.contains("swordfish"), "{refused}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn loads_and_exports_know_one_folder() {
    let query = |sql: &str| warehouse().query(&strange(sql)).expect("a query");
    query(&format!("CREATE SCHEMA `{PROJECT}.exchange`"));
    query(
        "EXPORT DATA OPTIONS (uri = 'gs://bucket/numbers-*.csv', format = 'CSV') AS SELECT 7 AS n UNION ALL SELECT 8",
    );
    query("CREATE TABLE exchange.numbers (n INT64)");
    let load = |uri: &str, format: &str| {
        let table = json!({"projectId": PROJECT, "datasetId": "exchange", "tableId": "numbers"});
        problem_of_job(&json!({"load": {"destinationTable": table, "sourceUris": [uri], "sourceFormat": format}}))
    };
    assert_eq!(load("gs://bucket/numbers-000000000000.csv", "CSV"), None);
    assert_eq!(query("SELECT SUM(n) FROM exchange.numbers"), [[Some("15".to_owned())]]);
    // How dbt's seeds come.
    let table = json!({"projectId": PROJECT, "datasetId": "exchange", "tableId": "numbers"});
    let configuration = json!({"configuration": {"load": {"destinationTable": table, "sourceFormat": "CSV"}}});
    let body = format!(
        "--x\r\nContent-Type: application/json\r\n\r\n{configuration}\r\n--x\r\nContent-Type: application/octet-stream\r\n\r\nn\n9\n\r\n--x--"
    );
    let path = format!("/upload/bigquery/v2/projects/{PROJECT}/jobs?uploadType=multipart");
    let (status, answer) = send(
        "POST",
        &path,
        &[("Content-Type", "multipart/related; boundary=x")],
        &body,
    );
    assert_eq!(status, 200, "{answer:#}");
    assert_eq!(query("SELECT SUM(n) FROM exchange.numbers"), [[Some("24".to_owned())]]);
    for (uri, format) in [
        ("file:///etc/passwd", "CSV"),
        ("/etc/passwd", "CSV"),
        ("file:///etc/passwd", "AVRO"),
        ("file:///etc/passwd", "ORC"),
        ("gs://../../../../../../etc/passwd", "CSV"),
    ] {
        let problem = load(uri, format).unwrap_or_else(|| panic!("{uri} was loaded as {format}"));
        assert!(
            problem.contains("below") || problem.contains("escapes"),
            "{uri}: {problem}"
        );
    }
}

#[test]
fn requests_that_a_page_could_send_are_refused() {
    let path = queries();
    let body = statement("SELECT 1");
    let origin = format!("http://{}", address());
    for headers in [
        vec![("Host", "evil.example:9050"), JSON],
        vec![("Host", "evil.localhost"), JSON],
        vec![("Origin", "https://evil.example"), JSON],
        vec![("Origin", "null"), JSON],
        vec![("Origin", &origin), JSON],
        vec![("Sec-Fetch-Site", "cross-site"), JSON],
        vec![("Sec-Fetch-Site", "same-site"), JSON],
        vec![("Sec-Fetch-Site", ""), JSON],
        vec![("Host", "localhost."), JSON],
        vec![("Content-Type", "text/plain;charset=UTF-8")],
        vec![("Content-Type", "application/x-www-form-urlencoded")],
        vec![("Content-Type", "multipart/form-data; boundary=x")],
        vec![("Content-Type", "text/plain, application/json")],
        vec![],
    ] {
        let (status, answer) = send("POST", &path, &headers, &body);
        assert_eq!(status, 403, "{headers:?}: {answer:#}");
        assert!(answer["error"]["message"].as_str().is_some(), "{answer:#}");
    }
    // What a page may fetch without a body, such as a picture.
    let tables = format!("/bigquery/v2/projects/{PROJECT}/datasets");
    for headers in [[("Host", "evil.example")], [("Sec-Fetch-Site", "cross-site")]] {
        assert_eq!(send("GET", &tables, &headers, "").0, 403, "{headers:?}");
    }
    let upload = format!("/upload/bigquery/v2/projects/{PROJECT}/jobs?uploadType=multipart");
    let form = ("Content-Type", "multipart/form-data; boundary=x");
    assert_eq!(send("POST", &upload, &[form], "--x--").0, 403);
    for headers in [
        vec![JSON],
        vec![("Host", "localhost"), JSON],
        vec![("Host", "[::1]:9050"), JSON],
    ] {
        let (status, answer) = send("POST", &path, &headers, &body);
        assert_eq!(status, 200, "{headers:?}: {answer:#}");
    }
}

#[test]
fn a_hostile_page_in_a_browser_reaches_nothing_through_the_warehouse() {
    let folder = tempfile::tempdir().expect("a folder");
    let written = folder.path().join("from-a-web-page");
    let copy = statement(&format!("COPY (SELECT 'ssh-ed25519 AAAA') TO '{}'", written.display()));
    let make = statement(&format!("CREATE SCHEMA `{PROJECT}.from_a_web_page`"));
    let url = format!("{}{}", warehouse().rest, queries());
    // By its address, and by a name that leads to it, as DNS rebinding makes one.
    let rebound = url.replace("127.0.0.1", "evil.localhost");
    let script = format!(
        "window.came = 0;
         const send = (url, body, type) =>
           fetch(url, {{method: 'POST', mode: 'no-cors', body: new Blob([body], {{type}})}}).finally(() => window.came++);
         for (const url of {urls})
           for (const body of {bodies})
             for (const type of ['', 'text/plain', 'application/x-www-form-urlencoded']) send(url, body, type);",
        urls = json!([url, rebound]),
        bodies = json!([copy, make]),
    );
    let page = serve(&format!("<!doctype html><script>{script}</script>"));
    let mut browser = Browser::start();
    browser.show(&page, DESK);
    // Each has an answer, which the page may not see: the warehouse was reached, and the browser kept none of them back.
    for _ in 0..200 {
        if browser.ask("window.came") == json!(12) {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(browser.ask("window.came"), json!(12));
    assert!(!written.exists(), "a page has written a file");
    let (status, datasets) = send("GET", &format!("/bigquery/v2/projects/{PROJECT}/datasets"), &[], "");
    assert_eq!(status, 200, "{datasets}");
    assert!(!datasets.to_string().contains("from_a_web_page"), "{datasets}");
    // The page that is opened by a rebound name would see the answer.
    let data = rebound.replace("/queries", "/datasets");
    browser.show(&data, DESK);
    let seen = browser.ask("document.body.innerText");
    assert!(
        seen.as_str().is_some_and(|text| text.contains("by no other name")),
        "{seen}"
    );
}
