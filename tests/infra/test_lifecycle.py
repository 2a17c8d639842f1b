"""The configuration goes through Terraform's whole life: valid, applied, unchanged, destroyed."""
import json
import tempfile
import unittest

from states import state, workspace
from terraform import EVERYTHING, STAND_IN, Workspace

class Lifecycle(unittest.TestCase):
    def each(self):
        for everything in (False, True):
            with self.subTest("everything on" if everything else "defaults"):
                yield everything

    def test_1_is_valid(self):
        self.assertIn("is valid", workspace(False).run("validate"))

    def test_1_takes_the_providers_version(self):
        version = json.loads((STAND_IN / "schema.json").read_text())["version"]
        with tempfile.TemporaryDirectory(prefix="mergemind-infra-") as folder:
            self.assertIn(f"Installed hashicorp/google v{version}", Workspace(folder, resident=False).run("init"))

    def test_2_applies(self):
        for everything in self.each():
            self.assertGreater(len(state(everything).resources), 60)

    def test_3_a_second_plan_is_empty(self):
        for everything in self.each():
            state(everything)
            # 0: nothing to do; 2: changes.
            workspace(everything).run("plan", "-detailed-exitcode")

    def test_3_a_second_plan_that_is_not_empty_is_noticed(self):
        state(False)
        # Each plan would then move the next reminder.
        workspace(False).edit("secrets.tf", "ignore_changes = [rotation[0].next_rotation_time]", "ignore_changes = []")
        try:
            said = workspace(False).run("plan", "-detailed-exitcode", "-target=google_secret_manager_secret.this", expect=2)
        finally:
            workspace(False).undo("secrets.tf")
        self.assertIn("next_rotation_time", said)

    def test_4_a_feature_and_a_second_region_add_and_change_nothing_else(self):
        state(False)
        said = workspace(False).run("plan", "-var=webhooks=true", "-var=second_region=europe-west4", "-detailed-exitcode", expect=2)
        for made in ('module.webhooks["europe-west1"]', 'module.connector["europe-west4"]'):
            self.assertIn(made, said)
        self.assertRegex(said, r"Plan: \d+ to add, 0 to change, 0 to destroy")

    def test_4_a_change_that_would_replace_a_secret_is_refused(self):
        # With keys, secrets are where the keys are: a third key would move them.
        state(True)
        keys = EVERYTHING["kms_keys"]
        third = {"europe-west9": "projects/keys/locations/europe-west9/keyRings/r/cryptoKeys/k"}
        keys = json.dumps(keys | {"regional": keys["regional"] | third})
        targets = ["-target=google_secret_manager_secret.this", f"-var=kms_keys={keys}"]
        self.assertIn("must be replaced", workspace(True).run("plan", *targets))
        said = workspace(True).run("apply", "-auto-approve", *targets, expect=1)
        self.assertIn("cannot destroy google_secret_manager_secret", said)

    def test_6_is_destroyed(self):
        # What the defaults make is a part of this.
        everything = workspace(True)
        state(True)
        said = everything.run("destroy", "-auto-approve", "-target=module.connector", expect=1)
        self.assertIn("cannot destroy google_cloud_run_v2_service", said)
        # As docs/deploy.md says.
        unprotected = "-var=deletion_protection=false"
        everything.run("apply", "-auto-approve", unprotected)
        everything.run("destroy", "-auto-approve", unprotected)
        self.assertEqual(everything.run("state", "list").strip(), "")

    def test_6_everything_has_all_that_the_defaults_have(self):
        kinds = [{resource["type"] for resource in state(everything).resources.values()} for everything in (False, True)]
        self.assertLessEqual(*kinds)


if __name__ == "__main__":
    unittest.main()
