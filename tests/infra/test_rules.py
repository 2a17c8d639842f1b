"""The rules notice: states with a planted mistake."""
import copy
import unittest

from rules import crowded, late, project_roles, public_services, secrets_in_defaults, secrets_in_plain_text, unmatched
from states import state


def changed(kind, change, everything=False):
    """A copy of a state with `change` made to every resource of a type."""
    other = copy.deepcopy(state(everything))
    for values in other.of(kind).values():
        change(values)
    return other


class Rules(unittest.TestCase):
    def test_a_public_service_is_noticed(self):
        planted = changed("google_cloud_run_v2_service_iam_member", lambda member: member.update(member="allUsers"))
        self.assertIn("mergemind-gitlab-connector", public_services(planted))

    def test_a_service_without_cloud_runs_check_is_noticed(self):
        planted = changed("google_cloud_run_v2_service", lambda service: service.update(invoker_iam_disabled=True))
        self.assertIn("mergemind-gitlab-connector", public_services(planted))

    def test_an_editor_is_noticed(self):
        planted = changed("google_project_iam_member", lambda member: member.update(role="roles/editor"))
        self.assertEqual(project_roles(planted), {"roles/editor"})

    def test_a_token_in_plain_text_is_noticed(self):
        def plant(service):
            service["template"][0]["containers"][0]["env"].append({"name": "GITLAB_TOKEN", "value": "glpat-1", "value_source": []})

        planted = changed("google_cloud_run_v2_service", plant)
        self.assertIn("mergemind-gitlab-connector: GITLAB_TOKEN", secrets_in_plain_text(planted))

    def test_a_secret_as_a_default_is_noticed(self):
        variable = 'variable "{}" {{\n  type    = string\n  default = {}\n}}\n'
        for name, default in (("gitlab_token", '"abc"'), ("header", '"glpat-x1y2"'), ("key", f'"{"0f" * 16}"')):
            self.assertEqual(secrets_in_defaults(variable.format(name, default)), {name})
        for name, default in (("secret_rotation_days", "90"), ("region", '"europe-west1"'), ("gitlab_token", "null")):
            self.assertEqual(secrets_in_defaults(variable.format(name, default)), set())

    def test_a_worker_that_outgrows_its_instance_is_noticed(self):
        def plant(service):
            environment = service["template"][0]["containers"][0]["env"]
            environment[:] = [variable for variable in environment if variable["name"] != "DBT_WORKER_MEMORY_MIB"]

        self.assertEqual(len(crowded(changed("google_cloud_run_v2_service", plant))), 1)

    def test_a_scheduler_that_hangs_up_is_noticed(self):
        planted = changed("google_cloud_scheduler_job", lambda job: job.update(attempt_deadline="600s"))
        self.assertTrue(any("mergemind-sync hangs up after 600 s" in problem for problem in late(planted)))

    def test_a_scheduler_that_waits_for_too_long_is_noticed(self):
        planted = changed("google_cloud_scheduler_job", lambda job: job.update(attempt_deadline="3600s"))
        self.assertTrue(any("1800 s at most" in problem for problem in late(planted)))

    def test_variables_that_do_not_match_are_noticed(self):
        problems = unmatched(known={"A", "B"}, told={"A", "MISSPELT"}, documented={"OUTDATED"})
        self.assertEqual(list(problems.values()), [{"MISSPELT"}, {"OUTDATED"}, {"B"}])

    def test_a_service_that_is_cut_off_is_noticed(self):
        planted = changed("google_cloud_run_v2_service", lambda service: service["template"][0].update(timeout="300s"))
        self.assertEqual(len(late(planted)), 2)


if __name__ == "__main__":
    unittest.main()
