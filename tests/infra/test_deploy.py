"""scripts/deploy from beginning to end, with the real Terraform on the stand-in, and a gcloud that only takes notes."""
import json
import os
import re
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
*"storage cp gs://"*) echo 'project_id = "acme-data-123"' >"$4" ;;
*"docker images describe"*) exit 1 ;;
esac
"""
# The state stays here: Google's bucket is not.
TERRAFORM = """#!/usr/bin/env bash
mv infra/backend.tf "$VAULT/../backend.tf" 2>/dev/null
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
        remote = "https://oauth2:glpat-canary-5d1f@git.acme.example/data/mergemind.git"
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Begin"], ["remote", "add", "origin", remote]):
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
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900,
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
        steps = [
            "buckets create", "terraform init", "services enable cloudresourcemanager", "services enable secretmanager", "identity create",
            "terraform plan", "-target=", "terraform apply", "versions add", "builds submit", "terraform.tfvars gs://", "smoke",
        ]
        self.assertEqual([place(step) for step in steps], sorted(place(step) for step in steps))
        last_apply = max(i for i, note in enumerate(notes) if note.startswith("terraform apply"))
        self.assertLess(place("builds submit"), last_apply)
        self.assertIn("europe-west1-docker.pkg.dev/acme-data-123/mergemind europe-west4-docker.pkg.dev/acme-data-123/mergemind", notes[place("builds submit")])
        self.assertIn("terraform -chdir=infra destroy", said[-1000:])
        self.assertIn("--location=EU", notes[place("buckets create")])
        made = [note.split("--service=")[1].split(".")[0] for note in notes if "identity create" in note]
        self.assertEqual(made, ["secretmanager", "monitoring", "pubsub", "artifactregistry", "run"])

    def test_2_only_plans_that_were_shown_are_applied(self):
        notes = Path(self.environment["NOTES"]).read_text().splitlines()
        planned = set()
        for note in notes:
            if note.startswith("terraform plan"):
                planned.add(note.split("-out=")[1].split()[0])
            if note.startswith("terraform apply"):
                self.assertNotIn("-auto-approve", note)
                self.assertIn(note.split()[-1], planned)

    def test_2_alerts_link_to_gits_remote(self):
        state = json.loads((self.repository / "infra/terraform.tfstate").read_text())
        alerts = [r for r in state["resources"] if r["type"] == "google_monitoring_alert_policy"]
        for alert in (i["attributes"] for r in alerts for i in r["instances"]):
            self.assertIn(" https://git.acme.example/data/mergemind/-/blob/HEAD/docs/runbooks/", alert["documentation"][0]["content"])

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
        # The foundation is there: the plan that was shown is the one that is applied.
        self.assertEqual(len([note for note in notes if note.startswith("terraform plan")]), 2)
        self.assertEqual(len([note for note in notes if note.startswith("terraform apply")]), 1)
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

    def test_6_a_colleague_connects(self):
        other = self.repository.with_name("other")
        subprocess.run(["git", "clone", "-q", self.repository, other], env=self.environment, check=True)
        done = subprocess.run(
            ["scripts/deploy", "--connect", "acme-data-123", "second"], cwd=other, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        self.assertEqual(done.returncode, 0, done.stdout)
        backend = (self.repository.parent / "backend.tf").read_text()
        self.assertIn('bucket = "acme-data-123-terraform-state"', backend)
        self.assertIn('prefix = "second"', backend)
        self.assertIn("gs://acme-data-123-terraform-state/second/terraform.tfvars", Path(self.environment["NOTES"]).read_text())
        self.assertIn("acme-data-123", (other / "infra/terraform.tfvars").read_text())


class Runbooks(unittest.TestCase):
    def test_the_address_is_made_from_gits_remote(self):
        function = re.search(r"^runbooks\(\) \{.*?^\}$", (ROOT / "scripts/deploy").read_text(), re.S | re.M)[0]
        end = "docs/runbooks"
        for remote, address in {
            "git@gitlab.com:acme/sub/mergemind.git": f"https://gitlab.com/acme/sub/mergemind/-/blob/HEAD/{end}",
            "https://oauth2:glpat-c4n@ry@gitlab.com/acme/mergemind.git": f"https://gitlab.com/acme/mergemind/-/blob/HEAD/{end}",
            "ssh://git@git.acme.example:2222/acme/mergemind.git": f"https://git.acme.example/acme/mergemind/-/blob/HEAD/{end}",
            "https://git.acme.example:8443/acme/mergemind": f"https://git.acme.example:8443/acme/mergemind/-/blob/HEAD/{end}",
            "git@github.com:acme/mergemind.git": f"https://github.com/acme/mergemind/blob/HEAD/{end}",
            "/srv/git/mergemind.git": "",
        }.items():
            with self.subTest(remote):
                script = f"set -euo pipefail\ngit() {{ echo '{remote}'; }}\n{function}\nrunbooks"
                said = subprocess.run(["bash", "-c", script], check=True, text=True, stdout=subprocess.PIPE).stdout
                self.assertEqual(said.strip(), address)


if __name__ == "__main__":
    unittest.main()
