//! Runs the connector for Fivetran's SDK with Fivetran's own `fivetran debug`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::JoinHandle;

use local_stack::{http, root, venv_python, with_own_environment};
use serde_json::Value;
use tempfile::TempDir;

/// A copy of the connector for Fivetran's SDK, as somebody configured it.
#[derive(Debug)]
pub struct Folder(TempDir);

impl Folder {
    /// With this configuration.
    pub fn new(configuration: &Value) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for file in ["connector.py", "dbt_trigger.py"] {
            let original = root().join("functions/gitlab-connector/fivetran").join(file);
            std::fs::copy(original, folder.path().join(file)).expect("a copy");
        }
        let file = folder.path().join("configuration.json");
        std::fs::write(file, configuration.to_string()).expect("a file");
        let done = python("tester.py").arg("--install").arg(folder.path()).status();
        assert!(done.expect("Python runs").success(), "the tester is not in its place");
        Self(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Syncs once: whether that went well, and all that was printed.
    pub fn sync(&self) -> (bool, String) {
        // `fivetran debug` takes one of twelve fixed ports, and two that begin at once take the same.
        let one = File::create(std::env::temp_dir().join("fivetran-debug.lock")).expect("a file");
        one.lock().expect("a lock");
        let bin = environment();
        let path = std::env::var("PATH").unwrap_or_default();
        let output = with_own_environment(&mut Command::new(bin.join("fivetran")))
            .args(["debug", "--configuration", "configuration.json"])
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("HOME", self.path())
            .current_dir(self.path())
            .output()
            .expect("it runs");
        (output.status.success(), printed(output))
    }

    /// The tables that the syncs left in a DuckDB file: of each its key, its columns' types, its rows, and those that
    /// are deleted.
    pub fn tables(&self) -> Value {
        let file = self.path().join("files/warehouse.db");
        let output = python("duckdb_rows.py").arg(file).output().expect("Python runs");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", printed(output)))
    }
}

fn environment() -> PathBuf {
    let bin = venv_python("fivetran").parent().expect("a folder").to_owned();
    assert!(bin.is_dir(), "run scripts/prepare-python fivetran first");
    bin
}

fn python(name: &str) -> Command {
    let mut command = Command::new(environment().join("python"));
    command.arg(root().join("tests/black-box/python/fivetran").join(name));
    command
}

fn printed(output: Output) -> String {
    [output.stdout, output.stderr]
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .concat()
}

/// Rows by their key.
///
/// # Panics
/// If a key stands twice.
pub fn by_key(key: &Value, rows: &[Value]) -> BTreeMap<String, Value> {
    let text = |row: &Value| {
        let parts = key.as_array().expect("a key").iter();
        let parts: Vec<String> = parts
            .map(|name| row[name.as_str().expect("a name")].to_string())
            .collect();
        parts.join("/")
    };
    let map: BTreeMap<String, Value> = rows.iter().map(|row| (text(row), row.clone())).collect();
    assert_eq!(map.len(), rows.len(), "a key stands twice");
    map
}

/// A number from a sync's summary.
pub fn counted(output: &str, name: &str) -> u64 {
    let mut counts = output
        .lines()
        .filter_map(|line| line.trim().strip_prefix(name)?.split('|').nth(1));
    let count = counts
        .next()
        .unwrap_or_else(|| panic!("no count of {name} in:\n{output}"));
    count.trim().parse().expect("a number")
}

/// Gives one answer after another on a port of its own; ends with the last, and hands out the requests' bodies.
pub fn serve(answers: Vec<http::Answer>) -> (String, JoinHandle<Vec<Value>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().expect("a caller");
            asked.push(read_body(&mut BufReader::new(&stream)));
            let body = body.to_string();
            write!(
                stream,
                "HTTP/1.1 {status} x\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
            .expect("an answer");
        }
        asked
    });
    (url, asked)
}

fn read_body(reader: &mut impl BufRead) -> Value {
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header");
        if line.trim().is_empty() {
            break;
        }
        if let Some(text) = line.to_lowercase().strip_prefix("content-length:") {
            length = text.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    serde_json::from_slice(&body).expect("JSON")
}
