"""What the images hold: no more than they need, a dbt that is whole, and a git that reaches a server by HTTPS."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import sizes
from git_server import GitServer
from pair import IMAGES, ROOT, TOKEN, start_function, tree

# Megabytes, as they are and compressed. The base image's own files that no program of ours asks for come to about 20 more.
LIMITS = {"gitlab-connector": (60, 20), "dbt-trigger": (380, 130)}


class Contents(unittest.TestCase):
    def test_the_images_are_small(self):
        for name, limits in LIMITS.items():
            with self.subTest(name):
                parts = json.loads((IMAGES / f"{name}-sizes.json").read_text())
                for size, limit in zip(sizes.total(parts), limits):
                    self.assertLess(size / sizes.MEGA, limit, sizes.report(IMAGES / name, parts))

    def test_no_package_is_there_that_a_project_in_sql_never_imports(self):
        left_out = re.findall(r'^([\w-]+) ; sys_platform == "never"', (ROOT / "scripts/requirements/dbt-overrides.txt").read_text(), re.M)
        self.assertIn("google-cloud-aiplatform", left_out)
        listed = self.python("from importlib.metadata import distributions as d; print(*(i.name for i in d()))").split()
        self.assertIn("dbt-bigquery", listed)
        self.assertEqual(set(left_out) & {name.replace("_", "-") for name in listed}, set())

    def test_every_module_of_dbt_can_be_imported(self):
        """Not only those that a run of our own project needs."""
        walk = (
            "import importlib, json, pkgutil, dbt.adapters.bigquery as b\n"
            "found = {}\n"
            "for m in pkgutil.walk_packages(b.__path__, 'dbt.adapters.bigquery.'):\n"
            "  try: importlib.import_module(m.name)\n"
            "  except Exception as e: found[m.name] = repr(e)\n"
            "print(json.dumps(found))"
        )
        self.assertEqual(json.loads(self.python(walk).splitlines()[-1]), {})

    def python(self, program):
        command = tree.command(IMAGES / "dbt-trigger", ["/opt/dbt/bin/python", "-c", program], {"HOME": "/tmp"})
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout


class ProjectsFromGit(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="mergemind-images-")))
        self.server = GitServer(self.folder, self.folder)
        self.addCleanup(self.server.stop)

    def test_a_project_is_fetched_by_https_as_the_image_is(self):
        self.commit_a_project()
        certificates = IMAGES / "dbt-trigger/etc/ssl/certs/ca-certificates.crt"
        before = certificates.read_text()
        certificates.write_text(before + self.server.authority.read_text())
        try:
            settings = {"AUTH_TOKEN": TOKEN, "DBT_PROJECT_GIT_URL": f"{self.server.url}/project.git", "DBT_PROJECT_GIT_TOKEN": "glpat-of-the-test"}
            process = start_function("dbt-trigger", settings, self.folder)
            try:
                process.wait_for("a new version of the project is ready")
            finally:
                process.stop()
        finally:
            certificates.write_text(before)
        self.assertTrue(all(given and given.startswith("Basic ") for given in self.server.authorizations), self.server.authorizations)

    def commit_a_project(self):
        project = self.folder / "project"
        shutil.copytree(ROOT / "models", project, ignore=shutil.ignore_patterns("target", "logs", "dbt_packages"))
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
        for command in (["init", "--quiet"], ["add", "."], [*identity, "commit", "--quiet", "-m", "a project"]):
            subprocess.run(["git", "-C", project, *command], check=True, env=os.environ | {"GIT_CONFIG_GLOBAL": "/dev/null"})
        subprocess.run(["git", "clone", "--quiet", "--bare", project, self.folder / "project.git"], check=True)


if __name__ == "__main__":
    sys.exit(unittest.main())
