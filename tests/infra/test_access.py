"""Who may do what, read from what Terraform makes."""
import unittest

from rules import defaults_of_variables, project_roles, public_services, secrets_in_defaults, secrets_in_plain_text
from states import state
from terraform import INFRA, environment_of


class Access(unittest.TestCase):
    def test_nothing_is_public_by_default(self):
        self.assertEqual(public_services(state()), set())

    def test_only_what_was_chosen_is_public(self):
        self.assertEqual(public_services(state(True)), {"mergemind-webhooks", "mergemind-dbt-trigger"})

    def test_the_public_connector_checks_tokens_itself(self):
        for (name, _), service in state(True).services().items():
            _, secret = environment_of(service)
            if name == "mergemind-webhooks":
                self.assertLessEqual({"AUTH_TOKEN", "GITLAB_WEBHOOK_TOKEN"}, set(secret))
            if name == "mergemind-dbt-trigger":
                self.assertIn("AUTH_TOKEN", secret)

    def test_a_public_trigger_believes_no_token_that_cloud_run_did_not_check(self):
        for everything, checked in ((False, "true"), (True, "false")):
            for (name, _), service in state(everything).services().items():
                if name == "mergemind-dbt-trigger":
                    plain, _ = environment_of(service)
                    self.assertEqual(plain["ID_TOKEN_CHECKED_BY_CLOUD_RUN"], checked)
                    self.assertEqual(plain["ID_TOKEN_ACCOUNTS"], "mergemind-scheduler@acme-data-123.iam.gserviceaccount.com")

    def test_a_connector_goes_without_a_token_only_where_cloud_run_checks_callers(self):
        for everything in (False, True):
            public = public_services(state(everything))
            for (name, _), service in state(everything).services().items():
                if name != "mergemind-dbt-trigger":
                    plain, secret = environment_of(service)
                    self.assertEqual(plain.get("ID_TOKEN_CHECKED_BY_CLOUD_RUN"), None if name in public else "true", name)
                    self.assertEqual("AUTH_TOKEN" in secret, name in public, name)

    def test_only_the_scheduler_and_the_connector_call(self):
        callers = {"scheduler", "connector", "uptime"}
        for address, member in state().of("google_cloud_run_v2_service_iam_member").items():
            self.assertEqual(member["role"], "roles/run.invoker")
            self.assertIn(address.split('"')[-2], callers, address)

    def test_roles_for_the_whole_project_are_those_without_a_narrower_place(self):
        allowed = {"roles/bigquery.jobUser"}
        for everything in (False, True):
            self.assertEqual(project_roles(state(everything)) - allowed, set())

    def test_each_part_runs_as_its_own_account(self):
        used = {name: s["template"][0]["service_account"] for (name, _), s in state().services().items()}
        self.assertEqual(len(set(used.values())), 2, used)
        used = {name: s["template"][0]["service_account"] for (name, _), s in state(True).services().items()}
        self.assertEqual(len(set(used.values())), 3, used)

    def test_dbt_trigger_never_reads_gitlabs_token(self):
        for everything in (False, True):
            for member in state(everything).of("google_secret_manager_secret_iam_member").values():
                if member["secret_id"].endswith("gitlab-token"):
                    self.assertRegex(member["member"], "-(connector|webhooks)@")

    def test_no_secret_is_in_plain_text(self):
        for everything in (False, True):
            self.assertEqual(secrets_in_plain_text(state(everything)), set())

    def test_no_secret_is_a_variables_default(self):
        text = "\n".join(path.read_text() for path in INFRA.rglob("*.tf"))
        self.assertGreater(len(defaults_of_variables(text)), 30)
        self.assertEqual(secrets_in_defaults(text), set())


if __name__ == "__main__":
    unittest.main()
