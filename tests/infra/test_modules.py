"""infra/ as a module: every example plans, nothing in it configures a provider, and its README tells what there is."""
import re
import subprocess
import sys
import tempfile
import unittest

from terraform import INFRA, Workspace

EXAMPLES = sorted(path.parent.name for path in (INFRA / "examples").glob("*/main.tf"))


class Modules(unittest.TestCase):
    def test_every_example_plans(self):
        self.assertEqual(len(EXAMPLES), 4)
        with tempfile.TemporaryDirectory(prefix="mergemind-infra-") as folder:
            workspace = Workspace(folder)
            for example in EXAMPLES:
                with self.subTest(example):
                    workspace.config = workspace.folder / "infra/examples" / example
                    planned = workspace.init().plan()["planned_values"]["root_module"]["child_modules"][0]
                    services = [r for child in planned.get("child_modules", []) for r in child["resources"] if r["type"] == "google_cloud_run_v2_service"]
                    # Two services a region and the public one; the smallest shows the foundation.
                    self.assertEqual(len(services), {"smallest": 0, "private-network": 2, "two-regions": 4, "webhooks-and-fivetran": 3}[example])

    def test_no_module_configures_a_provider(self):
        for path in [*INFRA.glob("*.tf"), *INFRA.glob("modules/**/*.tf")]:
            self.assertNotRegex(path.read_text(), r'(?m)^provider "', path.name)

    def test_every_resource_names_its_project(self):
        # A caller's provider may have another project, or none. What belongs to an account, a bucket or a key is named by it.
        named = {"google_billing_budget", "google_kms_crypto_key_iam_member", "google_service_account_iam_member", "google_storage_bucket_iam_member"}
        for path in INFRA.rglob("*.tf"):
            for kind, name, body in re.findall(r'^resource "(\w+)" "(\w+)" \{\n(.*?)^\}', path.read_text(), re.S | re.M):
                if kind not in named:
                    self.assertRegex(body, r"(?m)^  project\s*=", f"{kind}.{name}")

    def test_the_readmes_are_up_to_date(self):
        done = subprocess.run([sys.executable, INFRA / "make-readme", "--check"], text=True, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
