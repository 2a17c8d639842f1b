"""scripts/deploy from beginning to end, with the real Terraform on the stand-in's Google Cloud, and a gcloud that acts on it."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from state_server import StateServer
from states import existing
from terraform import ROOT, Workspace

TERRAFORM = """#!/usr/bin/env bash
echo "terraform ${*:2}" >>"$NOTES"
exec "$TERRAFORM" "$@"
"""
SMOKE = """#!/usr/bin/env bash
echo smoke >>"$NOTES"
exit "${SMOKE_STATUS:-0}"
"""
TFVARS = """
project_id    = "acme-data-123"
gitlab_groups = ["acme"]
gitlab_ca     = true
operators     = ["user:me@acme.example"]
"""
# A role counts when a build has passed; an alert may name a metric after two builds and some waiting.
DELAYS = {"iam": 200, "metrics": 1900}


class Deploy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="mergemind-deploy-")
        folder = Path(cls.folder.name)
        cls.repository, tools = folder / "repository", folder / "tools"
        (folder / "vault").mkdir()
        tools.mkdir()
        cls.workspace = Workspace(folder / "stand-in")
        (cls.repository / "scripts/lib").mkdir(parents=True)
        shutil.copytree(ROOT / "infra", cls.repository / "infra", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "backend.tf", "*.tfvars*"))
        for file in ("scripts/deploy", "scripts/lib/deploy.sh", "cloudbuild.yaml", ".gitignore"):
            shutil.copy(ROOT / file, cls.repository / file)
        for path, text in ((tools / "terraform", TERRAFORM), (cls.repository / "scripts/smoke", SMOKE)):
            path.write_text(text)
            path.chmod(0o755)
        # Without what only a whole environment needs: they are called hundreds of times.
        commands = {name: f'-I -S "{ROOT}/tests/infra/fake_gcloud.py" {name} ' for name in ("gcloud", "bq", "sleep")} | {"python3": ""}
        for name, script in commands.items():
            (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {script}"$@"\n')
            (tools / name).chmod(0o755)
        (cls.repository / "infra/terraform.tfvars").write_text(TFVARS)
        # The state stays here: Google's bucket is not. Such a file counts more than the backend.tf that the script writes.
        (cls.repository / "infra/backend_override.tf").write_text(StateServer.backend(str(cls.repository)))
        cls.environment = cls.workspace.environment | {
            "PATH": f"{tools}:{os.environ['PATH']}", "TERRAFORM": shutil.which("terraform"), "NOTES": str(folder / "notes"),
            "VAULT": str(folder / "vault"), "GITLAB_TOKEN": "glpat-canary-5d1f", "HOME": str(folder), "TF_CLI_ARGS": "-no-color",
            "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t",
        }
        cls.certificates = folder / "certificates.pem"
        cls.certificates.write_text("-----BEGIN CERTIFICATE-----\nof a test\n-----END CERTIFICATE-----\n")
        dataset = existing("google_bigquery_dataset", project="acme-data-123", dataset_id="mergemind_raw", location="EU")
        cls.workspace.cloud(delays=DELAYS, objects=dataset, images=[], digests={}, values=[])
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
            ["scripts/deploy"], cwd=self.repository, env=self.environment | {"GITLAB_CA_FILE": str(self.certificates)} | more, input=answers, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900,
        )
        return done.returncode, done.stdout, notes.read_text().splitlines()

    def set(self, line):
        with open(self.repository / "infra/terraform.tfvars", "a") as settings:
            settings.write(line + "\n")

    def commit(self):
        subprocess.run(["git", "commit", "-qm", "Next", "--allow-empty"], cwd=self.repository, env=self.environment, check=True)

    def state(self):
        return StateServer.read(str(self.repository))

    def running(self):
        """The images that run, by region and service."""
        services = {key: found["values"] for key, found in self.workspace.cloud()["objects"].items() if key.startswith("google_cloud_run_v2_service|")}
        return {(s["location"], s["name"]): s["template"][0]["containers"][0]["image"] for s in services.values()}

    def secrets(self):
        return {path.name: path.read_text() for path in Path(self.environment["VAULT"]).iterdir() if path.name.startswith("mergemind-")}

    def test_1_without_consent_nothing_is_made(self):
        status, _, notes = self.deploy("y\nn\n")
        self.assertEqual(status, 1)
        self.assertFalse([note for note in notes if "apply" in note or "builds submit" in note or "versions add" in note])

    def test_2_a_first_deployment_goes_in_order(self):
        # Its first build breaks after one of two images, and Google needs its time.
        status, said, notes = self.deploy(YES="1", BUILD_BREAKS="1")
        self.assertEqual(status, 0, said[-3000:])
        place = lambda text: next(i for i, note in enumerate(notes) if text in note)  # noqa: E731
        steps = [
            "terraform init", "services enable cloudresourcemanager", "services enable bigquery", "identity create", "bq ",
            "terraform plan", "terraform apply", "terraform.tfvars gs://", "versions add", "builds submit", "images.auto.tfvars.json gs://",
            "sleep 90", "smoke",
        ]
        self.assertEqual([place(step) for step in steps], sorted(place(step) for step in steps))
        self.assertEqual(len([note for note in notes if "builds submit" in note]), 2, "it builds again")
        self.assertEqual(len([note for note in notes if note.startswith("terraform apply")]), 3, "foundation, the rest, and what needed time")
        self.assertIn("--region=europe-west1", notes[place("builds submit")])
        self.assertIn("--gcs-source-staging-dir=gs://acme-data-123-mergemind-build/source", notes[place("builds submit")])
        made = [note.split("--service=")[1].split(".")[0] for note in notes if "identity create" in note]
        self.assertEqual(made, ["secretmanager", "monitoring", "pubsub", "artifactregistry", "run"])
        self.assertEqual(len(self.running()), 2)
        self.assertTrue(all("@sha256:" in image for image in self.running().values()))

    def test_2_datasets_that_existed_are_taken_over(self):
        state = self.state()
        datasets = next(r for r in state["resources"] if r["type"] == "google_bigquery_dataset")
        self.assertEqual({i["index_key"] for i in datasets["instances"]}, {"raw", "modeled", "staging"})
        self.assertFalse((self.repository / "infra/imports.tf").exists())

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
        state = self.state()
        alerts = [r for r in state["resources"] if r["type"] == "google_monitoring_alert_policy"]
        for alert in (i["attributes"] for r in alerts for i in r["instances"]):
            self.assertIn(" https://git.acme.example/data/mergemind/-/blob/HEAD/docs/runbooks/", alert["documentation"][0]["content"])

    def test_3_every_secret_has_a_value_that_shows_nowhere(self):
        names = ["gitlab-ca", "gitlab-token", "trigger-token"]
        self.assertEqual(sorted(self.secrets()), [f"mergemind-{name}" for name in names])
        self.assertEqual(self.secrets()["mergemind-gitlab-ca"], self.certificates.read_text())
        self.assertEqual(self.secrets()["mergemind-gitlab-token"], "glpat-canary-5d1f")
        state = json.dumps(self.state())
        notes = Path(self.environment["NOTES"]).read_text()
        for value in self.secrets().values():
            self.assertGreater(len(value), 10)
            self.assertNotIn(value, state)
            self.assertNotIn(value, notes)

    def test_4_a_service_that_failed_at_its_first_start_is_mended(self):
        # The public one is new, and the roles of its account take longer than the build; those of the first deployment count.
        before = self.secrets()
        self.set("webhooks = true")
        self.workspace.cloud(delays={"iam": self.workspace.cloud()["clock"] - 200, "metrics": 0})
        self.commit()
        status, said, _ = self.deploy(YES="1")
        self.assertEqual(status, 1)
        self.assertIn("container failed to start", re.sub(r"\s+", " ", said))
        images = self.running()
        tag = json.loads((self.repository / "infra/images.auto.tfvars.json").read_text())["image_tag"]
        self.workspace.cloud(clock=self.workspace.cloud()["clock"] + 10_000)
        self.commit()
        status, said, notes = self.deploy(YES="1", SMOKE_STATUS="1")
        self.assertTrue([note for note in notes if note.startswith("gcloud run services update mergemind-webhooks")])
        self.assertFalse([note for note in notes if "services update" in note and "mergemind-webhooks" not in note])
        self.assertEqual(len(self.running()), 3)
        with self.subTest("what the smoke test finds leads back"):
            self.assertEqual(status, 1)
            self.assertIn(f"To go back:  TAG={tag} scripts/deploy", said[-1000:])
            self.assertFalse(set(self.running().values()) & set(images.values()))
        with self.subTest("secrets stay"):
            self.assertFalse([note for note in notes if "versions add" in note])
            self.assertEqual(self.secrets() | before, self.secrets())
        with self.subTest("the foundation is there: only the rest is applied"):
            self.assertEqual(len([note for note in notes if note.startswith("terraform apply")]), 1)
        type(self).back, type(self).images = tag, images

    def test_5_the_way_back_and_a_second_region_run_the_same_images_without_a_build(self):
        self.workspace.cloud(delays=DELAYS)
        self.set('second_region = "europe-west4"')
        self.set("public_trigger = true")
        status, said, notes = self.deploy(YES="1", TAG=self.back)
        self.assertEqual(status, 0, said[-3000:])
        with self.subTest("a feature's secret has a value, and its role has its time, before the service that reads it changes"):
            self.assertIn("mergemind-fivetran-secret", self.secrets())
            self.assertIn("sleep 120", notes)
        submitted = [note for note in notes if "builds submit" in note]
        self.assertEqual(len(submitted), 1)
        self.assertIn("--config=infra/copy-images.yaml", submitted[0])
        running = self.running()
        self.assertEqual(len(running), 6)
        self.assertEqual({place: image for place, image in running.items() if place[0] == "europe-west1"}, self.images)
        for (region, name), image in running.items():
            self.assertTrue(image.startswith(f"{region}-docker.pkg.dev/"))
            self.assertEqual(image.partition("@")[2], running["europe-west1", name].partition("@")[2])

    def test_6_a_secret_is_renewed_and_a_smoke_test_that_could_not_be_tried_is_no_failure(self):
        (Path(self.environment["VAULT"]) / "mergemind-gitlab-ca").unlink()
        status, said, notes = self.deploy(YES="1", TAG=self.back, SMOKE_STATUS="2")
        self.assertEqual(status, 0)
        self.assertEqual(self.secrets()["mergemind-gitlab-ca"], self.certificates.read_text())
        self.assertIn("deployed, but not tried", said)
        self.assertFalse([note for note in notes if "apply" in note or "submit" in note], "nothing changed")

    def test_8_uncommitted_changes_are_not_deployed(self):
        stray = self.repository / "stray"
        stray.touch()
        try:
            status, said, notes = self.deploy(YES="1")
        finally:
            stray.unlink()
        self.assertEqual((status, notes), (1, []))
        self.assertIn("changes that are not committed", said)

    def test_9_a_colleague_connects(self):
        other = self.repository.with_name("other")
        subprocess.run(["git", "clone", "-q", self.repository, other], env=self.environment, check=True)
        done = subprocess.run(
            ["scripts/deploy", "--connect", "acme-data-123"], cwd=other, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        self.assertEqual(done.returncode, 0, done.stdout)
        backend = (other / "infra/backend.tf").read_text()
        self.assertIn('bucket = "acme-data-123-terraform-state"', backend)
        self.assertIn('prefix = "mergemind"', backend)
        self.assertIn("acme-data-123", (other / "infra/terraform.tfvars").read_text())
        images = json.loads((other / "infra/images.auto.tfvars.json").read_text())["images"]
        self.assertEqual(set(images), {"europe-west1", "europe-west4"})


def function(name):
    """One of the script's functions, to be called alone."""
    return re.search(rf"^{name}\(\) \{{.*?^\}}$", (ROOT / "scripts/lib/deploy.sh").read_text(), re.S | re.M)[0]


class Secrets(unittest.TestCase):
    def test_certificates_that_are_none_are_not_taken(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "certificates.pem"
            file.write_text("-----BEGIN CERTIFICATE-----\nof a test\n-----END CERTIFICATE-----\n")
            gcloud = 'gcloud() { case "$*" in *" add "*) echo "$*" >>"$FOLDER/added" ;; esac; }\nfail() { echo "$*" >&2; exit 1; }'
            script = f"set -euo pipefail\n{gcloud}\n{function('provide_secrets')}\nNAME=mergemind PROJECT=p SECRETS=gitlab-ca\nprovide_secrets"
            added = Path(folder) / "added"
            for name in ("", f"{folder}/absent", str(ROOT / "README.md"), str(file)):
                with self.subTest(name):
                    environment = os.environ | {"GITLAB_CA_FILE": name, "FOLDER": folder}
                    done = subprocess.run(["bash", "-c", script], env=environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                    right = name == str(file)
                    self.assertEqual((done.returncode, added.exists()), (0, True) if right else (1, False), done.stderr)
                    self.assertEqual("PEM" in done.stderr, not right)
            self.assertIn(f"mergemind-gitlab-ca --project=p --data-file={file}", added.read_text())


class Runbooks(unittest.TestCase):
    def test_the_address_is_made_from_gits_remote(self):
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
                script = f"set -euo pipefail\ngit() {{ echo '{remote}'; }}\n{function('runbooks')}\nrunbooks"
                said = subprocess.run(["bash", "-c", script], check=True, text=True, stdout=subprocess.PIPE).stdout
                self.assertEqual(said.strip(), address)


if __name__ == "__main__":
    unittest.main()
