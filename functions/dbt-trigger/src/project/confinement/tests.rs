use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// What was fetched, with a project in its folder `models`.
struct Fetched(TempDir);

impl Fetched {
    fn new(project: &str) -> Self {
        let fetched = Self(tempfile::tempdir().expect("a folder"));
        fetched.write("models/dbt_project.yml", project);
        fetched
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }

    fn check_for(&self, dbt_is_confined: bool) -> Result<(), String> {
        let project = self.0.path().join("models");
        let confinement = Confinement::new(self.0.path(), &project, &project, dbt_is_confined).expect("there");
        confinement.check().map_err(|refused| refused.to_string())
    }

    #[track_caller]
    fn assert_refused(&self, words: &[&str]) {
        let refused = self.check_for(true).expect_err("refused");
        for word in words {
            assert!(refused.contains(word), "{word} is missing in: {refused}");
        }
    }

    #[track_caller]
    fn assert_taken(&self) {
        assert_eq!(self.check_for(true), Ok(()));
    }
}

#[test]
fn no_path_of_a_project_leads_out() {
    for setting in [
        "model-paths",
        "source-paths",
        "seed-paths",
        "data-paths",
        "snapshot-paths",
        "analysis-paths",
        "macro-paths",
        "test-paths",
        "function-paths",
        "osi-paths",
        "docs-paths",
        "asset-paths",
        "clean-targets",
        "packages-install-path",
        "some-later-paths",
    ] {
        for path in [
            "/",
            "/etc",
            "../../etc",
            "models/../../../etc",
            "~/.ssh",
            "..//..",
            "./../../x",
        ] {
            // All forms of one, and one form of all.
            let forms = if path == "/etc" { 5 } else { 1 };
            let texts = [
                format!("name: p\n{setting}: ['{path}']\n"),
                format!("name: p\n{}: {path}\n", setting.replace('-', "_")),
                format!("name: p\n\"{}\": [ok, \"{path}\"]\n", setting.replace('-', "\\x2d")),
                format!("name: p\nx: &x {{{setting}: [{path}]}}\n<<: *x\n"),
                format!("name: p\n! {setting}: ! [! '{path}']\n"),
            ];
            for text in &texts[..forms] {
                Fetched::new(text).assert_refused(&["models/dbt_project.yml: ", path]);
            }
        }
    }
}

#[test]
fn paths_within_what_was_fetched_are_taken() {
    let fetched = Fetched::new(
        "name: p\nmodel-paths: [models, './more/', ../shared/models]\nasset-paths: [a/../b]\nseed-paths: []\n\
         target-path: /tmp/target\nlog-path: ../../logs\npackages-install-path: \"{{ env_var('X', 'dbt_packages') }}\"\n\
         flags: {use_v2_parser: false, send_anonymous_usage_stats: false}\n",
    );
    fetched.write(
        "models/packages.yml",
        "packages:\n- {package: dbt-labs/dbt_utils, version: 1.3.0}\n- local: ../shared\n- {git: 'https://git.example/p.git', \
         subdirectory: a/b, revision: v1}\n- git: git@git.example:group/p.git\n- {tarball: 'https://files.example/p.tar.gz', name: p}\n",
    );
    fetched.assert_taken();
    Fetched::new("name: p\n").assert_taken();
    Fetched::new("").assert_taken();
}

#[test]
fn no_package_is_a_folder_of_this_machine() {
    for (item, words) in [
        ("{local: /}", ["packages: local", "'/'"]),
        ("{local: ../../x}", ["packages: local", "../../x"]),
        ("{local: ~/x}", ["packages: local", "~/x"]),
        ("{git: /srv/x.git}", ["packages: git", "/srv/x.git"]),
        ("{git: ../../x.git}", ["packages: git", "../../x.git"]),
        ("{git: 'file:///srv/x.git'}", ["packages: git", "file:///srv/x.git"]),
        ("{git: 'ext::sh -c x'}", ["packages: git", "ext::sh -c x"]),
        ("{git: '--upload-pack=x@y:z'}", ["packages: git", "--upload-pack"]),
        (
            "{git: 'https://h/x', subdirectory: ../../../etc}",
            ["packages: subdirectory", "../../../etc"],
        ),
        (
            "{tarball: 'file:///etc/x.tar.gz', name: x}",
            ["packages: tarball", "file:///etc/x.tar.gz"],
        ),
    ] {
        for file in ["packages.yml", "dependencies.yml", "package-lock.yml"] {
            let fetched = Fetched::new("name: p\n");
            fetched.write(&format!("models/{file}"), &format!("packages: [{item}]\n"));
            fetched.assert_refused(&[&format!("models/{file}: "), words[0], words[1]]);
        }
    }
}

#[test]
fn what_packages_bring_is_looked_at_wherever_they_are_installed() {
    for (setting, folder) in [
        ("", "dbt_packages"),
        ("packages-install-path: lib/of-others\n", "lib/of-others"),
    ] {
        let fetched = Fetched::new(&format!("name: p\n{setting}"));
        fetched.write(
            &format!("models/{folder}/evil/dbt_project.yml"),
            "name: evil\nseed-paths: [/etc]\n",
        );
        fetched.assert_refused(&[&format!("models/{folder}/evil/dbt_project.yml: seed-paths"), "'/etc'"]);
    }
    let fetched = Fetched::new("name: p\n");
    fetched.write("extra/dbt_project.yml", "name: extra\nmacro-paths: [../../..]\n");
    fetched.write("models/dbt_packages/README", "");
    let link = |target: &Path, name: &str| {
        std::os::unix::fs::symlink(target, fetched.0.path().join(name)).expect("linked");
    };
    link(&fetched.0.path().join("extra"), "models/dbt_packages/extra");
    fetched.assert_refused(&["extra/dbt_project.yml: macro-paths", "'../../..'"]);
    fetched.write("extra/dbt_project.yml", "name: extra\n");
    fetched.assert_taken();
    fetched.write("models/dbt_packages/other/models/a.sql", "select 1");
    link(
        Path::new("/proc/self/environ"),
        "models/dbt_packages/other/models/environ.sql",
    );
    fetched.assert_refused(&["models/dbt_packages/other/models/environ.sql: ", "link"]);
}

#[test]
fn no_project_chooses_a_program() {
    for flags in [
        "{use_v2_parser: true}",
        "{v2_parser: sh -c x}",
        "{v2-parser: x, use-v2-parser: true}",
    ] {
        Fetched::new(&format!("name: p\nflags: {flags}\n"))
            .assert_refused(&["models/dbt_project.yml: flags.", "v2_parser"]);
    }
}

#[test]
fn a_profile_that_comes_along_sends_our_access_nowhere_else() {
    let with = |setting: &str| {
        let fetched = Fetched::new("name: p\n");
        fetched.write(
            "models/profiles.yml",
            &format!("p: {{target: t, outputs: {{t: {{type: bigquery, {setting}}}}}}}\n"),
        );
        fetched
    };
    for address in [
        "https://evil.example",
        "http://bigquery.googleapis.com",
        "https://bigquery.googleapis.com.evil.example",
        "https://bigquery.googleapis.com@evil.example",
        "evil.example",
        "{{ 'https://evil.example' }}",
        "{{ env_var('X', 'https://evil.example') }}",
        "{{ env_var('X') }}{{ '@evil.example' }}",
        "{{ env_var('X' ~ 'Y') }}",
        "{{ env_var('X', '', 'y') }}",
    ] {
        with(&format!("api_endpoint: \"{address}\"")).assert_refused(&["models/profiles.yml: api_endpoint", address]);
        with(&format!("\"api-endpoint\": \"{address}\"")).assert_refused(&["api_endpoint"]);
    }
    for region in ["evil.example:443#", "evil.example/", "{{ 'evil.example#' }}"] {
        with(&format!("dataproc_region: \"{region}\"")).assert_refused(&["dataproc_region", region]);
        with(&format!("compute_region: \"{region}\"")).assert_refused(&["compute_region", region]);
    }
    with("api_endpoint: \"{{ env_var('BIGQUERY_EMULATOR_HOST', '') }}\"").assert_taken();
    with("api_endpoint: \"{{env_var(\\\"BIGQUERY_EMULATOR_HOST\\\")}}\", dataproc_region: europe-west1").assert_taken();
    with("api_endpoint: 'https://bigquery-ours.p.googleapis.com', compute_region: \"{{ env_var('REGION', 'us') }}\"")
        .assert_taken();
}

#[test]
fn an_operators_profile_is_the_operators() {
    let fetched = Fetched::new("name: p\n");
    let operators = tempfile::tempdir().expect("a folder");
    std::fs::write(
        operators.path().join("profiles.yml"),
        "p: {api_endpoint: 'https://proxy.example'}\n",
    )
    .expect("written");
    let project = fetched.0.path().join("models");
    let confinement = Confinement::new(fetched.0.path(), &project, operators.path(), true).expect("there");
    confinement.check().expect("taken");
}

#[test]
fn a_dbt_that_is_not_confined_gets_no_jinja_for_a_path() {
    let fetched = Fetched::new("name: p\nmodel-paths: [\"{{ '/etc' }}\"]\n");
    fetched.assert_taken();
    let refused = fetched.check_for(false).expect_err("refused");
    assert!(
        refused.contains("model-paths") && refused.contains("Jinja"),
        "{refused}"
    );
}

#[test]
fn what_two_readers_could_take_for_different_things_is_refused() {
    Fetched::new("model-paths: [/etc]\nmodel-paths: [models]\n")
        .assert_refused(&["models/dbt_project.yml: ", "duplicate"]);
    Fetched::new("name: [\n").assert_refused(&["models/dbt_project.yml: "]);
}

#[test]
fn what_would_take_minutes_to_read_is_refused_at_once() {
    for nested in [
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        "- ".repeat(100_000),
        "? ".repeat(100_000),
    ] {
        Fetched::new(&format!("model-paths:\n  {nested}"))
            .assert_refused(&["models/dbt_project.yml: ", "nested deeper"]);
    }
    Fetched::new(&format!("vars: {{x: {}{}}}\n", "[".repeat(99), "]".repeat(99))).assert_taken();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a path looks like: it is taken only if the system's own walk from the project ends inside.
    #[test]
    fn a_path_is_taken_only_if_it_ends_inside(parts in prop::collection::vec(prop::sample::select(vec!["..", ".", "", "a", "b", "models"]), 0..8)) {
        let path = parts.join("/");
        let fetched = Fetched::new(&format!("model-paths: ['{path}']\n"));
        for depth in ["a/a", "a/b", "b/a", "models/a", "models/b", "a/models", "models/models/models/a", "models/a/b/a/b/a/b"] {
            fetched.write(&format!("{depth}/x"), "");
        }
        if fetched.check_for(true).is_ok() {
            let root = fetched.0.path().canonicalize().expect("there");
            if let Ok(end) = root.join("models").join(&path).canonicalize() {
                prop_assert!(end.starts_with(&root), "{path} ends at {}", end.display());
            }
        }
    }
}
