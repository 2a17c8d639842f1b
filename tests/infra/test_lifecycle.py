"""The configuration goes through Terraform's whole life: valid, applied, unchanged, destroyed."""
import re
import tempfile
import unittest

from states import state, workspace
from terraform import ROOT, Workspace

FOUNDATION = re.findall(r"-target=(\S+)", (ROOT / "scripts/deploy").read_text())


class Lifecycle(unittest.TestCase):
    def each(self):
        for everything in (False, True):
            with self.subTest("everything on" if everything else "defaults"):
                yield everything

    def test_1_is_valid(self):
        self.assertIn("is valid", workspace(False).run("validate"))

    def test_2_applies(self):
        for everything in self.each():
            self.assertGreater(len(state(everything).resources), 60)

    def test_3_a_second_plan_is_empty(self):
        for everything in self.each():
            state(everything)
            # 0: nothing to do; 2: changes.
            workspace(everything).run("plan", "-detailed-exitcode")

    def test_4_a_feature_adds_and_changes_nothing_else(self):
        state(False)
        said = workspace(False).run("plan", "-var=webhooks=true", "-detailed-exitcode", expect=2)
        self.assertRegex(said, r"Plan: \d+ to add, 0 to change, 0 to destroy")

    def test_5_the_foundation_can_be_made_alone(self):
        # What scripts/deploy does first: images are pushed and secrets get their values before services need them.
        with tempfile.TemporaryDirectory(prefix="mergemind-infra-") as folder:
            said = Workspace(folder).init().run("plan", *(f"-target={target}" for target in FOUNDATION))
        self.assertIn("google_artifact_registry_repository.images", said)
        self.assertIn("google_secret_manager_secret.this", said)
        self.assertNotIn("google_cloud_run_v2_service", said)

    def test_6_is_destroyed(self):
        for everything in self.each():
            workspace(everything).run("destroy", "-auto-approve")


if __name__ == "__main__":
    unittest.main()
