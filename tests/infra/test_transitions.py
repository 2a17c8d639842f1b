"""Plans on what another plan has made: where a state is fine, the way to it may not be. And mistakes planted on the way,
each of which the stand-in's Google Cloud refuses as Google would."""
import tempfile
import unittest

from states import existing
from terraform import VARIABLES, Workspace

BOTH = VARIABLES | {"second_region": "europe-west4", "alert_emails": ["data@acme.example", "boss@acme.example"]}


# Mistakes that were there at the first apply: what is deleted has the value that was applied before.
ONE_CHECK = ("alerts.tf", "for_each = local.checked ? local.service_regions : []", "for_each = local.checked ? toset([local.live_region]) : []")
NO_FORCE = ("alerts.tf", "force_delete = true", "force_delete = false")
ZEROS = ("dashboard.tf", "index % 2 == 0 ? {} : { xPos = 24 }", "{ xPos = 24 * (index % 2) }")


class Transitions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="mergemind-infra-")
        cls.workspace = Workspace(cls.folder.name, BOTH).init()
        for mistake in (ONE_CHECK, NO_FORCE, ZEROS):
            cls.workspace.edit(*mistake)
        cls.workspace.run("apply", "-auto-approve")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def become(self, expect=0, **variables):
        """Applies the configuration with other variables; what Terraform said."""
        self.workspace.say(BOTH | variables)
        return self.workspace.run("apply", "-auto-approve", expect=expect)

    def addresses(self):
        objects = self.workspace.cloud()["objects"].items()
        return [found["values"]["labels"]["email_address"] for key, found in objects if key.startswith("google_monitoring_notification_channel|")]

    def test_1_zeros_in_the_dashboard_change_every_plan(self):
        said = self.workspace.run("plan", "-detailed-exitcode", "-target=google_monitoring_dashboard.this", expect=2)
        self.assertIn("google_monitoring_dashboard.this will be updated", said)
        self.workspace.undo("dashboard.tf")

    def test_2_a_check_and_a_channel_that_go_before_their_policies_are_refused(self):
        said = self.become(expect=1, active_region="europe-west4", alert_emails=["data@acme.example"])
        self.assertIn("Cannot delete check", said)
        self.assertIn("still being referenced by alertPolicies", said)

    def test_4_failing_over_and_back(self):
        self.workspace.undo("alerts.tf")
        self.become()
        for region in ("europe-west4", "europe-west1"):
            self.assertRegex(self.become(active_region=region), r"Resources: \d+ added, [1-9]\d* changed, 0 destroyed")

    def test_5_alert_addresses_go(self):
        self.become(alert_emails=["data@acme.example"])
        self.assertEqual(self.addresses(), ["data@acme.example"])

    def test_9_the_last_address_goes_and_an_authority_of_ones_own_becomes_a_file_of_each_connector(self):
        self.become(alert_emails=[], gitlab_ca=True, webhooks=True)
        self.assertEqual(self.addresses(), [])
        services = [found["values"] for key, found in self.workspace.cloud()["objects"].items() if key.startswith("google_cloud_run_v2_service|")]
        self.assertEqual(len(services), 6)
        for service in services:
            template = service["template"][0]
            container = template["containers"][0]
            told = {variable["name"]: variable["value"] for variable in container["env"]}
            files = [volume for volume in template["volumes"] if volume["secret"]]
            with self.subTest(service["name"]):
                if service["name"] == "mergemind-dbt-trigger":
                    self.assertEqual((files, told.get("GITLAB_CA_FILE")), ([], None))
                    continue
                [volume] = files
                [mount] = [mount for mount in container["volume_mounts"] if mount["name"] == volume["name"]]
                [item] = volume["secret"][0]["items"]
                self.assertEqual(volume["secret"][0]["secret"], "mergemind-gitlab-ca")
                self.assertEqual(f"{mount['mount_path']}/{item['path']}", told["GITLAB_CA_FILE"])
        roles = [key for key in self.workspace.cloud()["objects"] if key.startswith("google_secret_manager_secret_iam_member|") and "gitlab-ca" in key]
        self.assertEqual(len(roles), 2)


class FirstApply(unittest.TestCase):
    """What goes wrong where everything is applied at once, or something is there already."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="mergemind-infra-")
        self.addCleanup(folder.cleanup)
        self.workspace = Workspace(folder.name).init()

    def test_roles_and_metrics_that_are_seconds_old_do_not_count(self):
        self.workspace.cloud(delays={"iam": 1000, "metrics": 1000})
        said = self.workspace.run("apply", "-auto-approve", expect=1)
        self.assertIn("container failed to start", said)
        self.assertIn("Cannot find metric(s)", said)
        # The dead end behind it.
        said = self.workspace.run("apply", "-auto-approve", "-var=deletion_protection=false", expect=1)
        self.assertIn("cannot destroy google_cloud_run_v2_service", said)

    def test_an_image_that_no_registry_holds_is_not_found(self):
        self.workspace.cloud(images=[])
        self.assertIn("not found", self.workspace.run("apply", "-auto-approve", "-target=module.trigger", expect=1))

    def test_a_dataset_that_exists_is_not_made_again(self):
        self.workspace.cloud(objects=existing("google_bigquery_dataset", project="acme-data-123", dataset_id="mergemind_raw", location="EU"))
        self.assertIn("Error 409: Already Exists", self.workspace.run("apply", "-auto-approve", "-target=google_bigquery_dataset.this", expect=1))


if __name__ == "__main__":
    unittest.main()
