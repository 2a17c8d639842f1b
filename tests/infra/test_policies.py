"""Checkov's policies, on what Terraform plans and on the Dockerfile; it runs offline."""
import copy
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from said import kept
from states import plan
from terraform import ROOT

sys.path.insert(0, str(ROOT / "scripts/images"))
import dockerfile  # noqa: E402

# Policies that we do not follow, and why. One that is followed after all has to leave this list.
ALWAYS = {
    "CKV_GCP_15": "looks for public readers in the dataset itself; access is given by members of their own, "
    "var.readers refuses public ones, and test_access.py looks at what is made",
    "CKV_GCP_62": "access to the bucket is in Cloud Audit Logs, where access to everything else is",
    "CKV_GCP_63": "as CKV_GCP_62: there is no log bucket",
    "CKV_GCP_78": "the build's bucket holds uploads and logs that are deleted anyway; the other bucket has versions",
}
WITHOUT_OWN_KEYS = ALWAYS | {
    "CKV_GCP_81": "Google's keys encrypt datasets unless kms_keys names others; with it, this policy is followed",
    "CKV_GCP_83": "as CKV_GCP_81, for topics",
}
DOCKERFILE = {
    "CKV_DOCKER_2": "Cloud Run does not look at HEALTHCHECK: its probes stand in infra/modules/function",
}


class Policies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory(prefix="mergemind-policies-") as folder:
            files = {"defaults": plan(False), "everything": plan(True), "planted": planted(plan(False))}
            for name, content in files.items():
                (Path(folder) / f"{name}.json").write_text(json.dumps(content))
            # As it is built: with the base images' names in place.
            recipe = dockerfile.RECIPE.read_text()
            for name, image in dockerfile.base_images().items():
                recipe = recipe.replace(f"${{{name}}}", image)
            (Path(folder) / "Dockerfile").write_text(recipe)
            given = [Path(__file__).read_text(), (ROOT / "scripts/requirements/infra.lock").read_text(), recipe, [timeless(content) for content in files.values()]]
            found = kept("checkov", given, lambda: {name: sorted(broken) for name, broken in scan(folder).items()})
            cls.failed = {name: set(broken) for name, broken in found.items()}

    def test_defaults(self):
        self.assertEqual(self.failed["defaults.json"], set(WITHOUT_OWN_KEYS))

    def test_everything_on(self):
        self.assertEqual(self.failed["everything.json"], set(ALWAYS))

    def test_dockerfile(self):
        self.assertEqual(self.failed["Dockerfile"], set(DOCKERFILE))

    def test_a_planted_mistake_is_found(self):
        self.assertIn("CKV_GCP_114", self.failed["planted.json"] - self.failed["defaults.json"])


def timeless(plan):
    """A plan without what the time of planning says, which no policy looks at."""
    return re.sub(r'"\d{4}-\d\d-\d\dT[\d:]+Z"', '"a time"', json.dumps(plan, sort_keys=True))


def planted(plan):
    """A plan whose bucket may be made public."""
    plan = copy.deepcopy(plan)
    for resource in plan["planned_values"]["root_module"]["resources"]:
        if resource["type"] == "google_storage_bucket":
            resource["values"]["public_access_prevention"] = "inherited"
    return plan


def scan(folder):
    """The policies that each file breaks."""
    checkov = Path(sys.executable).with_name("checkov")
    done = subprocess.run(
        [checkov, "-d", folder, "--framework", "terraform_plan", "dockerfile", "--skip-download", "-o", "json"],
        # Standard error has progress only.
        text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=os.environ | {"BC_SKIP_MAPPING": "TRUE", "LOG_LEVEL": "ERROR"},
    )
    reports = json.loads(done.stdout)
    found = {}
    for report in reports if isinstance(reports, list) else [reports]:
        if report["results"]["parsing_errors"]:
            raise AssertionError(f"checkov could not read {report['results']['parsing_errors']}")
        for check in report["results"]["passed_checks"] + report["results"]["failed_checks"]:
            broken = found.setdefault(check["file_path"].lstrip("/"), set())
            if check["check_result"]["result"] == "FAILED":
                broken.add(check["check_id"])
    return found


if __name__ == "__main__":
    unittest.main()
