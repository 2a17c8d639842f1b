//! A real dbt on a project that comes from Git, with a package, and from an archive.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, Mutex};

use local_stack::git;
use serde_json::{Value, json};

use super::{Function, Small, eventually};

#[test]
#[ignore = "slow (44 s, real dbt parses four times): scripts/test --slow; the function's own tests use a stand-in for dbt"]
fn a_project_from_git_is_renewed_with_its_packages_and_a_broken_version_leaves_the_old_one_running() {
    let small = Small::new("git");
    for (name, text) in [
        ("packages.yml", "packages:\n  - local: extra\n"),
        (
            "extra/dbt_project.yml",
            "name: extra\nversion: '1.0.0'\nconfig-version: 2\n",
        ),
        (
            "extra/macros/doubled.sql",
            "{% macro doubled(what) %}({{ what }} * 2){% endmacro %}\n",
        ),
        (
            "models/twice.sql",
            "{{ config(materialized='table') }}\nselect {{ extra.doubled('21') }} as n\n",
        ),
    ] {
        let folder = small.project().join(name);
        std::fs::create_dir_all(folder.parent().expect("a folder")).expect("made");
        small.write(name, text);
    }
    git(&small.project(), &["init", "--quiet"]);
    commit(&small);
    let origin = small.project();
    let function = small.start(
        1,
        &[
            ("DBT_PROJECT_DIR", ""),
            ("DBT_PROJECT_GIT_URL", origin.to_str().expect("unicode")),
            ("DBT_PROJECT_GIT_REF", "main"),
            ("DBT_PROJECT_REFRESH_SECONDS", "1s"),
        ],
    );
    let first = run(&function);
    assert_eq!(first["status"], "success", "{first:#}");
    assert_eq!(doubled(&small).as_deref(), Some("42"));

    small.write("models/broken.yml", "models: [\n");
    commit(&small);
    eventually("the broken version is told", || {
        let log = function.process.log_text();
        log.contains("is broken, so the one before stays in use").then_some(())
    });
    assert_eq!(run(&function)["project_version"], first["project_version"]);

    small.write("models/broken.yml", "models: []\n");
    small.write(
        "extra/macros/doubled.sql",
        "{% macro doubled(what) %}({{ what }} + {{ what }} + 1){% endmacro %}\n",
    );
    commit(&small);
    eventually("the mended version is used", || {
        (run(&function)["project_version"] != first["project_version"]).then_some(())
    });
    assert_eq!(doubled(&small).as_deref(), Some("43"));
}

#[test]
#[ignore = "slow (20 s of real dbt): scripts/test --slow; the function's own tests use a stand-in for dbt"]
fn packages_are_installed_only_when_they_changed() {
    let small = Small::new("deps");
    std::fs::create_dir_all(small.project().join("extra/macros")).expect("made");
    small.write(
        "extra/dbt_project.yml",
        "name: extra\nversion: '1.0.0'\nconfig-version: 2\n",
    );
    small.write("packages.yml", "packages:\n  - local: extra\n");
    let function = small.start(1, &[]);
    let installed = || function.process.log_text().matches("running dbt deps").count();
    for _ in 0..2 {
        run(&function);
        assert_eq!(installed(), 1);
    }
    small.write("packages.yml", "packages:\n  - local: extra\n# another one may come\n");
    run(&function);
    assert_eq!(installed(), 2);
}

#[test]
#[ignore = "slow (28 s of real dbt): scripts/test --slow; unit tests fetch and unpack archives"]
fn a_project_from_an_archive_is_used_and_renewed() {
    let small = Small::new("archive");
    let once = "{{ config(materialized='table') }}\nselect 42 as n\n";
    small.write("models/twice.sql", once);
    let bucket = Bucket::new(packed(&small));
    let function = small.start(
        1,
        &[
            ("DBT_PROJECT_DIR", ""),
            ("DBT_PROJECT_ARCHIVE", "gs://b/project.tar.gz"),
            ("DBT_PROJECT_SUBFOLDER", "project"),
            ("DBT_PROJECT_REFRESH_SECONDS", "1s"),
            ("STORAGE_EMULATOR_HOST", &bucket.url),
        ],
    );
    let first = run(&function);
    assert_eq!(
        (&first["status"], &first["project_version"]),
        (&json!("success"), &json!("1")),
        "{first:#}"
    );
    assert_eq!(doubled(&small).as_deref(), Some("42"));
    small.write("models/twice.sql", &once.replace("42", "43"));
    bucket.put(packed(&small));
    eventually("the new version is used", || {
        (run(&function)["project_version"] == "2").then_some(())
    });
    assert_eq!(doubled(&small).as_deref(), Some("43"));
}

#[test]
#[ignore = "slow (real dbt parses twice, 20 s): scripts/test --slow; the function's own tests use a stand-in for dbt"]
fn a_project_from_git_reads_nothing_outside_by_a_macro_or_a_setting_that_jinja_makes() {
    let small = Small::new("confined");
    let secret = small.folder.path().join("secret");
    std::fs::create_dir(&secret).expect("made");
    std::fs::write(secret.join("loot.sql"), "select 'of another' as secret\n").expect("written");
    let folder = secret.to_str().expect("unicode");
    small.write(
        "dbt_project.yml",
        &format!(
            "name: small\nprofile: mergemind\nmodel-paths: [models, \"{{{{ '{folder}' }}}}\"]\nvars: {{least: 0}}\n"
        ),
    );
    small.write(
        "models/uploaded.sql",
        &format!(
            "{{{{ config(materialized='table') }}}}\n{{% do adapter.upload_file('{folder}/loot.sql', target.project, target.schema, 'uploaded', kwargs={{}}) %}}\nselect 1 as n\n"
        ),
    );
    git(&small.project(), &["init", "--quiet"]);
    commit(&small);
    let origin = small.project();
    for (number, runner) in [(1, "worker"), (2, "cli")] {
        let function = small.start(
            number,
            &[
                ("DBT_PROJECT_DIR", ""),
                ("DBT_PROJECT_GIT_URL", origin.to_str().expect("unicode")),
                ("DBT_RUNNER", runner),
            ],
        );
        let (_, answer) = function.order(&json!({"source": "test", "select": ["uploaded", "loot", "stg_orders"]}));
        let nodes = answer["details"]["nodes"].as_array().expect("nodes");
        let told = |name: &str| nodes.iter().find(|node| node["name"] == name);
        let [uploaded, orders] = ["uploaded", "stg_orders"].map(|name| told(name).expect("it was built"));
        assert_eq!(orders["status"], "success", "{runner}: {answer:#}");
        let message = uploaded["message"].as_str().unwrap_or_default();
        assert!(
            message.contains("may not have dbt read what is outside"),
            "{runner}: {answer:#}"
        );
        assert!(told("loot").is_none(), "{runner}: {answer:#}");
        assert!(!answer.to_string().contains("of another"), "{runner}: {answer:#}");
    }
}

/// The project's folder as a `.tar.gz`.
fn packed(small: &Small) -> Vec<u8> {
    let packed = Command::new("tar")
        .args(["-cz", "project"])
        .current_dir(small.folder.path())
        .output()
        .expect("tar");
    assert!(packed.status.success(), "{packed:?}");
    packed.stdout
}

/// A bucket of Cloud Storage that holds one object; its versions are counted.
struct Bucket {
    url: String,
    object: Arc<Mutex<(u32, Vec<u8>)>>,
}

impl Bucket {
    fn new(content: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let object = Arc::new(Mutex::new((1, content)));
        let served = object.clone();
        // Ends with the tests' process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let mut head = BufReader::new(stream.try_clone().expect("a connection")).lines();
                let asked = head.next().and_then(Result::ok).unwrap_or_default();
                head.map_while(Result::ok).find(String::is_empty);
                let (generation, content) = served.lock().expect("a lock").clone();
                let told = json!({"generation": generation.to_string()}).to_string();
                let body = if asked.contains("alt=media") {
                    content
                } else {
                    told.into_bytes()
                };
                let length = body.len();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
                let _ = stream.write_all(&[head.as_bytes(), &body].concat());
            }
        });
        Self { url, object }
    }

    fn put(&self, content: Vec<u8>) {
        let mut object = self.object.lock().expect("a lock");
        *object = (object.0 + 1, content);
    }
}

fn run(function: &Function) -> Value {
    function.run(&json!({"source": "test", "select": ["twice", "stg_orders"]}))
}

fn doubled(small: &Small) -> Option<String> {
    small.query("SELECT CAST(n AS STRING) FROM {}.twice")[0][0].clone()
}

fn commit(small: &Small) {
    git(&small.project(), &["add", "."]);
    git(&small.project(), &["commit", "--quiet", "-m", "a change"]);
}
