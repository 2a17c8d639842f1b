//! Starts the function on a project of its own, calls it, and watches processes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use local_stack::with_own_environment;
use serde_json::{Value, json};
use tempfile::TempDir;

pub const TOKEN: &str = "trigger-test-1-5f0c";
/// How long anything here may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running function; ended when dropped.
pub struct Trigger {
    child: Child,
    address: String,
    project: Project,
    log: Arc<Mutex<String>>,
}

/// A fake dbt project.
pub struct Project {
    directory: TempDir,
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The status line and the headers, in lower case.
    pub head: String,
    /// The body if it is JSON.
    pub body: Value,
    pub text: String,
}

impl Project {
    pub fn new(plan: &Value) -> Self {
        let project = Self {
            directory: tempfile::tempdir().expect("a temporary directory"),
        };
        for directory in ["project", "tmp", "logs"] {
            std::fs::create_dir(project.path(directory)).expect("made");
        }
        project.write("dbt_project.yml", "name: p\n");
        project.plan(plan);
        project
    }

    /// Changes what dbt does.
    pub fn plan(&self, plan: &Value) {
        self.write("fake.json", &plan.to_string());
    }

    /// Writes a file of the project.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path("project").join(name), text).expect("written");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The function's command, with only these variables beside `PATH`.
    pub fn command(&self, variables: &[(&str, &str)]) -> Command {
        let fake = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fake_dbt");
        let python = std::env::var("DBT_PYTHON").unwrap_or_else(|_| "python3".into());
        let mut command = Command::new(env!("CARGO_BIN_EXE_dbt-trigger"));
        with_own_environment(&mut command)
            .env("PORT", "0")
            .env("AUTH_TOKEN", TOKEN)
            .env("DBT_PROJECT_DIR", self.path("project"))
            .env("DBT_PYTHON", python)
            .env("TMPDIR", self.path("tmp"))
            .env("PYTHONPATH", fake)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("FAKE_DBT_CALLS", self.path("logs/calls"))
            .env("DBT_ENV_ALLOW", "FAKE_*")
            .envs(variables.iter().copied());
        command
    }

    pub fn start(self, variables: &[(&str, &str)]) -> Trigger {
        let command = self.command(variables);
        self.run(command)
    }

    /// Starts the function as another user, to whom the project is given; only root can.
    pub fn start_as(self, user: u32) -> Trigger {
        let folder = self.directory.path();
        let status = Command::new("chown")
            .args(["-R", &user.to_string()])
            .arg(folder)
            .status();
        assert!(status.expect("chown").success());
        let mut command = self.command(&[]);
        command.uid(user).gid(user);
        self.run(command)
    }

    fn run(self, mut command: Command) -> Trigger {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the function starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped"));
        let log = Arc::new(Mutex::new(String::new()));
        let mut address = None;
        while address.is_none() {
            let mut line = String::new();
            assert_ne!(lines.read_line(&mut line).expect("a log"), 0, "it ended: {log:?}");
            // Up to the line's end as text, up to the quote as JSON.
            address = line.split_once("listens on http://").map(|(_, rest)| {
                let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
                rest[..end.unwrap_or(rest.len())].to_owned()
            });
            log.lock().expect("a log").push_str(&line);
        }
        let address = address.expect("just found");
        let kept = log.clone();
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut log = kept.lock().expect("a log");
                log.push_str(&line);
                log.push('\n');
            }
        });
        Trigger {
            child,
            address,
            project: self,
            log,
        }
    }
}

impl Trigger {
    pub fn start(plan: &Value, variables: &[(&str, &str)]) -> Self {
        Project::new(plan).start(variables)
    }

    pub fn project(&self) -> &Project {
        &self.project
    }

    /// What the function has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("a log").clone()
    }

    /// Asks for a run.
    pub fn run(&self) -> Answer {
        call(
            &self.address,
            "POST",
            Some(TOKEN),
            r#"{"source":"test","action":"run_dbt"}"#,
        )
    }

    /// Asks for a run in the background.
    pub fn run_later(&self) -> std::thread::JoinHandle<Answer> {
        let address = self.address.clone();
        std::thread::spawn(move || call(&address, "POST", Some(TOKEN), ""))
    }

    pub fn call(&self, method: &str, token: Option<&str>, body: &str) -> Answer {
        call(&self.address, method, token, body)
    }

    /// A request with these headers.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        send(&self.address, method, path, headers, body)
    }

    /// A request with the right token.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        self.send(method, path, &[("Authorization", &format!("Bearer {TOKEN}"))], body)
    }

    /// The versions of a fetched project whose files are kept.
    pub fn versions(&self) -> Vec<String> {
        let states = std::fs::read_dir(self.project.path("tmp")).expect("there");
        let kept = states.filter_map(|state| std::fs::read_dir(state.ok()?.path().join("projects")).ok());
        let names = kept
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter(|name| name.len() == 40).collect()
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Waits until the run has ended, and returns what is told about it then.
    pub fn wait_for_run(&self, run_id: &str) -> Value {
        eventually("the run ends", || {
            let told = self.ask("GET", &format!("/runs/{run_id}"), "").body;
            (!matches!(told["status"].as_str(), Some("queued" | "running"))).then_some(told)
        })
    }

    /// The dbt commands so far, as the fake dbt has recorded them.
    pub fn calls(&self, command: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.project.path("logs/calls")).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|call| call["command"] == command)
            .collect()
    }

    /// Waits for the `count`th build to begin.
    pub fn wait_for_build(&self, count: usize) -> Value {
        eventually("a build begins", || self.calls("build").get(count - 1).cloned())
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        send_signal(self.child.id().into(), name);
    }

    /// Waits for the function to end.
    pub fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually("the function ends", || child.try_wait().expect("its status"))
    }
}

impl Drop for Trigger {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the function's log:\n{}", self.log());
        }
    }
}

/// One model that can be built.
pub fn one_model() -> Value {
    json!({"nodes": [{"id": "model.p.a", "status": "success", "message": "CREATE TABLE", "rows": 3}]})
}

pub fn send_signal(pid: i64, name: &str) {
    let status = Command::new("kill").args(["-s", name, &pid.to_string()]).status();
    assert!(status.expect("kill").success());
}

/// Waits until process `pid` is gone; one that nobody has waited for yet counts as gone.
pub fn assert_gone(pid: &Value) {
    let pid = pid.as_i64().expect("a process id");
    eventually("a process ends", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit(')').next().and_then(|rest| rest.trim().chars().next());
        matches!(state, None | Some('Z' | 'X')).then_some(())
    });
}

pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A request of any kind; headers as they go over the wire.
pub fn send(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).expect("connects");
    stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
    let length = body.len();
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {length}\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    // One that is refused for its head may be answered before all of its body is sent.
    let _ = stream.write_all(format!("{request}\r\n{body}").as_bytes());
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    Answer {
        status: head[9..12].parse().expect("a status"),
        head: head.to_lowercase(),
        body: serde_json::from_str(body).unwrap_or_default(),
        text: body.into(),
    }
}

fn call(address: &str, method: &str, token: Option<&str>, body: &str) -> Answer {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<_> = bearer.iter().map(|bearer| ("Authorization", bearer.as_str())).collect();
    send(address, method, "/", &headers, body)
}

/// Asks the function at `address` for a run.
pub fn order(address: &str) -> Answer {
    call(address, "POST", Some(TOKEN), "")
}
