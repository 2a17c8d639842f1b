"""scripts/deploy from beginning to end, with the real Terraform on the stand-in, and a gcloud that only takes notes."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from terraform import ROOT, Workspace

# Notes each call; secrets are files, and nothing else exists until it is made.
GCLOUD = """#!/usr/bin/env bash
echo "gcloud $*" >>"$NOTES"
case "$*" in
*"secrets versions list"*) [ -s "$VAULT/$4" ] && echo 1; exit 0 ;;
*"secrets versions add"*) cat >"$VAULT/$4" ;;
*"buckets describe"*) exit 1 ;;
*"docker images describe"*) exit 1 ;;
esac
"""
# The state stays here: Google's bucket is not.
TERRAFORM = """#!/usr/bin/env bash
rm -f infra/backend.tf
echo "terraform ${*:2}" >>"$NOTES"
exec "$TERRAFORM" "$@"
"""
SMOKE = """#!/usr/bin/env bash
echo smoke >>"$NOTES"
[ -z "${SMOKE_FAILS:-}" ]
"""
TFVARS = """
project_id    = "acme-data-123"
gitlab_groups = ["acme"]
second_region = "europe-west4"
webhooks      = true
"""


class Deploy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="mergemind-deploy-")
        folder = Path(cls.folder.name)
        cls.repository, tools = folder / "repository", folder / "tools"
        (folder / "secrets").mkdir()
        tools.mkdir()
        settings = Workspace(folder / "stand-in").environment
        (cls.repository / "scripts").mkdir(parents=True)
        shutil.copytree(ROOT / "infra", cls.repository / "infra", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "backend.tf", "*.tfvars"))
        for file in ("scripts/deploy", "cloudbuild.yaml", ".gitignore"):
            shutil.copy(ROOT / file, cls.repository / file)
        for path, text in ((tools / "gcloud", GCLOUD), (tools / "terraform", TERRAFORM), (cls.repository / "scripts/smoke", SMOKE)):
            path.write_text(text)
            path.chmod(0o755)
        (cls.repository / "infra/terraform.tfvars").write_text(TFVARS)
        cls.environment = settings | {
            "PATH": f"{tools}:{os.environ['PATH']}", "TERRAFORM": shutil.which("terraform"), "NOTES": str(folder / "notes"),
            "VAULT": str(folder / "secrets"), "GITLAB_TOKEN": "glpat-canary-5d1f", "HOME": str(folder), "TF_CLI_ARGS": "-no-color",
            "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t",
        }
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Begin"]):
            subprocess.run(["git", *command], cwd=cls.repository, env=cls.environment, check=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def deploy(self, answers="", **more):
        """Runs it; exit status, what it said, what it called."""
        notes = Path(self.environment["NOTES"])
        notes.write_text("")
        done = subprocess.run(
            ["scripts/deploy"], cwd=self.repository, env=self.environment | more, input=answers, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
        )
        return done.returncode, done.stdout, notes.read_text().splitlines()

    def test_1_without_consent_nothing_is_made(self):
        status, _, notes = self.deploy("y\nn\n")
        self.assertEqual(status, 1)
        self.assertFalse([note for note in notes if "apply" in note or "builds submit" in note or "versions add" in note])

    def test_2_a_first_deployment_goes_in_order(self):
        status, said, notes = self.deploy(YES="1")
        self.assertEqual(status, 0, said[-3000:])
        place = lambda text: next(i for i, note in enumerate(notes) if text in note)  # noqa: E731
        steps = ["buckets create", "terraform init", "terraform plan", "-target=", "versions add", "builds submit", "smoke"]
        self.assertEqual([place(step) for step in steps], sorted(place(step) for step in steps))
        last_apply = max(i for i, note in enumerate(notes) if note.startswith("terraform apply"))
        self.assertLess(place("builds submit"), last_apply)
        self.assertIn("europe-west1-docker.pkg.dev/acme-data-123/mergemind europe-west4-docker.pkg.dev/acme-data-123/mergemind", notes[place("builds submit")])
        self.assertIn("terraform -chdir=infra destroy", said[-1000:])

    def test_3_every_secret_has_a_value_that_shows_nowhere(self):
        secrets = {path.name: path.read_text() for path in Path(self.environment["VAULT"]).iterdir()}
        names = ["connector-token", "gitlab-token", "trigger-token", "webhook-token"]
        self.assertEqual(sorted(secrets), [f"mergemind-{name}" for name in names])
        self.assertEqual(secrets["mergemind-gitlab-token"], "glpat-canary-5d1f")
        state = (self.repository / "infra/terraform.tfstate").read_text()
        notes = Path(self.environment["NOTES"]).read_text()
        for value in secrets.values():
            self.assertGreater(len(value), 10)
            self.assertNotIn(value, state)
            self.assertNotIn(value, notes)

    def test_4_a_second_deployment_keeps_secrets_and_tells_the_way_back(self):
        before = {path.name: path.read_text() for path in Path(self.environment["VAULT"]).iterdir()}
        tag = json.loads((self.repository / "infra/terraform.tfstate").read_text())["outputs"]["image_tag"]["value"]
        subprocess.run(["git", "commit", "-qm", "Next", "--allow-empty"], cwd=self.repository, env=self.environment, check=True)
        status, said, notes = self.deploy(YES="1", SMOKE_FAILS="1")
        self.assertEqual(status, 1)
        self.assertIn(f"To go back:  TAG={tag} scripts/deploy", said[-1000:])
        self.assertFalse([note for note in notes if "versions add" in note])
        self.assertEqual({path.name: path.read_text() for path in Path(self.environment["VAULT"]).iterdir()}, before)

    def test_5_uncommitted_changes_are_not_deployed(self):
        stray = self.repository / "stray"
        stray.touch()
        try:
            status, said, notes = self.deploy(YES="1")
        finally:
            stray.unlink()
        self.assertEqual((status, notes), (1, []))
        self.assertIn("changes that are not committed", said)


if __name__ == "__main__":
    unittest.main()
