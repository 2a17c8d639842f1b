"""The images' file trees: they start locked in as on Cloud Run, and do the demo's work."""
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from memory import Peak
from pair import IMAGES, ROOT, TOKEN, Pair, address, environment, start_function, tree

sys.path.insert(0, str(ROOT / "tests/infra"))
import assemble  # noqa: E402
from log_filter import matches  # noqa: E402


class Images(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="mergemind-images-")
        cls.began = time.time()
        cls.pair = Pair(cls.folder.name)
        with Peak(cls.pair.connector.pid, 128) as connector, Peak(cls.pair.trigger.pid, 256) as trigger:
            cls.smoke = subprocess.run(
                [ROOT / "scripts/smoke", "--local", "--connector", cls.pair.connector_url, "--trigger", cls.pair.trigger_url],
                env=os.environ | {"TRIGGER_TOKEN": TOKEN}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )
        cls.peaks = {"connector": connector.mib, "trigger": trigger.mib}

    @classmethod
    def tearDownClass(cls):
        cls.pair.stop()
        cls.folder.cleanup()

    def test_1_the_smoke_test_passes(self):
        print(self.smoke.stdout)
        self.assertEqual(self.smoke.returncode, 0, self.smoke.stdout + self.pair.connector.text()[-3000:] + self.pair.trigger.text()[-3000:])

    def test_1_a_sync_and_a_run_of_everything_fit_into_the_smallest_instances(self):
        """Which are the default ones; see memory.py for what is measured."""
        variables = (ROOT / "infra/variables-size.tf").read_text()
        for name, peak in self.peaks.items():
            size = int(re.search(rf'variable "{name}_memory_mib" {{.*?default += (\d+)', variables, re.S)[1])
            print(f"{name}: at most {peak:.0f} of {size} MiB")
            self.assertLess(peak, size)
            self.assertGreater(peak, 5, "nothing was measured")

    def test_2_both_run_as_an_unprivileged_user(self):
        expected = "65532" if os.geteuid() == 0 else str(os.geteuid())
        for process in (self.pair.connector, self.pair.trigger):
            status = dict(line.split(":\t", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if ":\t" in line)
            self.assertEqual(status["Uid"].split("\t"), [expected] * 4)
            self.assertEqual(status["NoNewPrivs"], "1")
            if os.geteuid() == 0:
                self.assertEqual(int(status["CapEff"], 16), 0)

    def test_3_dbt_runs_as_that_user_too(self):
        children = subprocess.run(["ps", "-o", "uid=,args=", "--ppid", str(self.pair.trigger.pid)], text=True, stdout=subprocess.PIPE).stdout
        self.assertIn("/opt/dbt/bin/python", children)
        self.assertEqual(children.split()[0], "65532" if os.geteuid() == 0 else str(os.geteuid()))

    def test_4_nothing_but_tmp_can_be_written(self):
        script = "import os, sys\nfor p in sys.argv[1:]:\n  try: open(p + '/x', 'w'); print(p, 'written')\n  except OSError as e: print(p, e.strerror)"
        places = ["/", "/opt/models", "/opt/dbt/lib", "/usr/local/bin", "/etc", "/tmp"]
        # As root inside, so that only the read-only mount is in the way.
        run = tree.command(IMAGES / "dbt-trigger", ["/opt/dbt/bin/python", "-c", script, *places], {"HOME": "/tmp"}, user="0:0")
        said = subprocess.run(run, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.splitlines()
        self.assertEqual(said, [f"{place} Read-only file system" for place in places[:-1]] + ["/tmp written"])

    def test_5_the_baked_parse_is_used(self):
        image = environment("dbt-trigger") | assemble.dockerfile.arguments() | {"DBT_THREADS": "16"}
        program = ["/opt/dbt/bin/python", "-c", "from dbt.cli.main import cli; cli()", "parse", "--log-level", "debug", "--log-level-file", "none"]
        program += ["--project-dir", "/opt/models", "--profiles-dir", "/opt/models", "--target-path", "/tmp/target", "--log-path", "/tmp"]
        run = tree.command(IMAGES / "dbt-trigger", program, image)
        said = subprocess.run(run, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
        self.assertIn("Partial parsing enabled, no changes found, skipping parsing", said)

    def test_6_every_metric_counts_lines_that_the_functions_write(self):
        from states import state

        lines = []
        for process in (self.pair.connector, self.pair.trigger):
            lines += [json.loads(line) for line in process.text().splitlines() if line.startswith("{")]
        quiet = {"sync_failures", "partial_syncs", "gitlab_refusals", "rejected_rows", "incomplete", "dbt_failures", "test_failures"}
        for metric in state().of("google_logging_metric").values():
            name = metric["name"].partition("/")[2]
            found = [line for line in lines if matches(metric["filter"], line)]
            with self.subTest(name):
                # What counts trouble is silent on a good day; test_7 makes trouble.
                self.assertEqual(bool(found), name not in quiet)
                if metric["value_extractor"]:
                    field = metric["value_extractor"].removeprefix("EXTRACT(jsonPayload.").removesuffix(")")
                    for line in found:
                        self.assertIsInstance(line[field], (int, float))

    def test_7_a_refused_token_is_counted(self):
        more = {"GITLAB_TOKEN": "glpat-expired", "GITLAB_GROUPS": "acme", "GITLAB_BASE_URL": self.connector_variable("GITLAB_BASE_URL")}
        more |= {name: self.connector_variable(name) for name in ("BIGQUERY_EMULATOR_HOST", "BIGQUERY_STORAGE_EMULATOR_HOST")}
        refused = self.pair.keep(start_function("gitlab-connector", more, self.pair.logs, label="refused"))
        smoke = subprocess.run(
            [ROOT / "scripts/smoke", "--local", "--connector", address(refused), "--trigger", self.pair.trigger_url],
            env=os.environ | {"TRIGGER_TOKEN": TOKEN}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        self.assertEqual(smoke.returncode, 1, smoke.stdout)
        self.assertIn("✗ syncs", smoke.stdout)
        self.assert_counted("sync_failures", refused)
        self.assert_counted("gitlab_refusals", refused)

    def test_7_a_row_that_cannot_be_mapped_is_counted(self):
        # Without its name, which is its key; of a time that is none only the value would be kept.
        tag = {"message": "nameless", "commit": {"committed_date": "2026-01-01T00:00:00Z"}}
        rule = {"operation": "/projects/:id/repository/tags", "fault": "status", "status": 200, "body": [tag]}
        post(self.connector_variable("GITLAB_BASE_URL") + "/_sim/faults", {"rules": [rule]})
        names = ("GITLAB_BASE_URL", "GITLAB_TOKEN", "GITLAB_GROUPS", "BIGQUERY_EMULATOR_HOST", "BIGQUERY_STORAGE_EMULATOR_HOST")
        more = {"STREAMS": "tags"} | {name: self.connector_variable(name) for name in names}
        connector = self.pair.keep(start_function("gitlab-connector", more, self.pair.logs, label="rejecting"))
        answer = post(address(connector), {"source": "test", "streams": ["tags"]})
        self.assert_counted("rejected_rows", connector, answer)

    def test_7_a_group_that_can_no_longer_be_read_is_counted(self):
        names = ("GITLAB_BASE_URL", "GITLAB_TOKEN", "GITLAB_GROUPS", "BIGQUERY_EMULATOR_HOST", "BIGQUERY_STORAGE_EMULATOR_HOST")
        more = {name: self.connector_variable(name) for name in names}
        more["GITLAB_GROUPS"] += ",nowhere-to-be-seen"
        connector = self.pair.keep(start_function("gitlab-connector", more, self.pair.logs, label="partial"))
        answer = post(address(connector), {"source": "test", "streams": ["labels"]})
        self.assertEqual(answer["status"], "partial", answer)
        self.assert_counted("partial_syncs", connector, answer)

    def test_7_tests_and_models_that_fail_are_counted(self):
        run = {"source": "test", "action": "run_dbt", "select": ["stg_gitlab__labels"]}
        self.query("INSERT INTO mergemind_raw.labels (id, title, group_id) SELECT 1, 'twice', 1 FROM UNNEST([1, 2])")
        answer = post(self.pair.trigger_url, run, TOKEN)
        self.assert_counted("test_failures", self.pair.trigger, answer)
        self.query("DROP TABLE mergemind_raw.labels")
        answer = post(self.pair.trigger_url, run, TOKEN)
        self.assert_counted("dbt_failures", self.pair.trigger, answer)

    def assert_counted(self, metric, process, said=None):
        """A metric counts at least one of the lines that a process wrote."""
        from states import state

        filters = {m["name"].partition("/")[2]: m["filter"] for m in state().of("google_logging_metric").values()}
        lines = [json.loads(line) for line in process.text().splitlines() if line.startswith("{")]
        self.assertTrue(any(matches(filters[metric], line) for line in lines), f"{metric}: {said} {process.text()[-3000:]}")

    def query(self, sql):
        place = "/bigquery/v2/projects/mergemind-local/queries"
        answer = post(self.connector_variable("BIGQUERY_EMULATOR_HOST") + place, {"query": sql, "useLegacySql": False})
        self.assertTrue(answer.get("jobComplete"), answer)

    def connector_variable(self, name):
        pairs = Path(f"/proc/{self.pair.connector.pid}/environ").read_bytes().split(b"\0")
        return dict(p.decode().split("=", 1) for p in pairs if b"=" in p)[name]

    def test_8_nothing_in_the_trees_changed(self):
        for function in ("gitlab-connector", "dbt-trigger"):
            changed = [p for p in (IMAGES / function).rglob("*") if not p.is_symlink() and p.stat().st_mtime > self.began]
            self.assertEqual(changed, [])

    def test_9_both_stop_in_time(self):
        for process in (self.pair.connector, self.pair.trigger):
            # Cloud Run kills what has not ended after 10 seconds.
            self.assertLess(process.stop(), 10)


def post(url, body, token=None):
    """The answer to a request, whatever its status."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=600) as response:
            text = response.read()
    except urllib.error.HTTPError as error:
        text = error.read()
    return json.loads(text or "{}")


class PlantedMistakes(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="mergemind-images-")
        self.place = Path(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()

    def test_a_missing_project_is_found_at_the_start(self):
        hidden = IMAGES / "dbt-trigger/opt/models"
        aside = hidden.with_name("aside")
        hidden.rename(aside)
        try:
            process = start_function("dbt-trigger", {"AUTH_TOKEN": TOKEN}, self.place)
            self.assertEqual(process.process.wait(30), 2)
            process.process.stdin.close()
            self.assertIn("has no dbt_project.yml", process.text())
        finally:
            aside.rename(hidden)

    def test_an_unreadable_file_is_found(self):
        place = self.place / "gitlab-connector"
        assemble.assemble("gitlab-connector", place)
        image = assemble.dockerfile.image("gitlab-connector")
        (place / "etc/passwd").chmod(0o600)
        with self.assertRaisesRegex(assemble.Wrong, "can be read by its owner only"):
            assemble.check("gitlab-connector", place, image)

    def test_a_program_that_is_not_copied_is_found(self):
        recipe = assemble.dockerfile.RECIPE.read_text()
        planted = self.place / "Dockerfile"
        planted.write_text(recipe.replace("/src/target/image/gitlab-connector", "/src/target/release/gitlab-connector"))
        image = assemble.dockerfile.image("gitlab-connector", planted)
        stage, source, target = image.copies[0]
        with self.assertRaisesRegex(assemble.Wrong, "can't make it"):
            assemble.copy("gitlab-connector", stage, source, self.place, self.place / target.lstrip("/"))

    def test_a_file_that_dockerignore_keeps_out_is_found(self):
        planted = self.place / "Dockerfile"
        planted.write_text("FROM scratch\nCOPY README.md /\n")
        with self.assertRaisesRegex(assemble.Wrong, ".dockerignore keeps README.md out"):
            assemble.check_context(planted)


if __name__ == "__main__":
    unittest.main()
