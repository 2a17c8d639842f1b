"""Runbooks exist where alerts point to, hold what a runbook has to hold, and name scripts that exist."""
import re
import unittest

from states import state
from terraform import INFRA, ROOT

RUNBOOKS = ROOT / "docs/runbooks"
PARTS = ("## What you see", "## Why", "## What to type")
PAGES = (
    "sync-lag", "gitlab-refuses", "dbt-timeout", "failing-tests", "stuck-lease", "full-refresh", "token-rotation", "restore",
    "region-failover", "failed-start", "cost-surprise", "incomplete",
)
TROUBLES = ("read timeout", "dbt is missing", "mismatching tokens", "${")


def broken(text):
    """What a page lacks."""
    return [part for part in PARTS if part not in text] + (["a command"] if "```sh" not in text else [])


def without_project(text):
    """Commands that leave it to a default which project they mean."""
    text = text.replace("\\\n", " ").replace('", "', " ").replace('", f"', " ")
    commands = re.findall(r"\b(?:bq (?:query|cp|ls|show|--)|gcloud (?:run|scheduler|secrets|pubsub|logging|services|storage|builds|artifacts|beta) ).*", text)
    return [command for command in commands if not re.search(r"--project(_id)?=", command)]


class Runbooks(unittest.TestCase):
    def test_each_page_tells_what_one_sees_why_and_what_to_type(self):
        for page in PAGES:
            self.assertEqual(broken((RUNBOOKS / f"{page}.md").read_text()), [], page)

    def test_a_page_without_commands_is_noticed(self):
        self.assertEqual(broken("## What you see\n## What to type\n"), ["## Why", "a command"])

    def test_the_index_names_them_all(self):
        index = (RUNBOOKS / "README.md").read_text()
        for page in PAGES:
            self.assertIn(f"({page}.md)", index)

    def test_every_alert_leads_to_a_page(self):
        policies = state().of("google_monitoring_alert_policy").values()
        self.assertGreaterEqual(len(policies), 8)
        for policy in policies:
            found = re.search(r"docs/runbooks/([\w-]+)\.md", policy["documentation"][0]["content"])
            self.assertIsNotNone(found, policy["display_name"])
            self.assertIn(found[1], PAGES)

    def test_alerts_link_to_the_address_that_was_said(self):
        for policy in state(True).of("google_monitoring_alert_policy").values():
            self.assertRegex(policy["documentation"][0]["content"], r" https://git\.acme\.example/\S+/docs/runbooks/[\w-]+\.md$")

    def test_known_troubles_have_their_entry(self):
        text = "\n".join(path.read_text() for path in RUNBOOKS.glob("*.md")).lower()
        for trouble in TROUBLES:
            self.assertIn(trouble, text)

    def test_every_command_names_its_project(self):
        # A default project may be another one, such as staging beside production.
        for path in [*RUNBOOKS.glob("*.md"), ROOT / "scripts/deploy", ROOT / "scripts/lib/deploy.sh", ROOT / "scripts/smoke"]:
            self.assertEqual(without_project(path.read_text()), [], path.name)

    def test_a_command_without_its_project_is_noticed(self):
        self.assertEqual(len(without_project("gcloud secrets versions access latest --secret=x\n")), 1)
        self.assertEqual(len(without_project('said(["gcloud", "secrets", "versions", "access", "latest"])\n')), 1)

    def test_scripts_and_variables_that_the_documents_name_exist(self):
        declared = {name for file in INFRA.glob("variables*.tf") for name in re.findall(r'^variable "(\w+)"', file.read_text(), re.M)}
        for path in [*RUNBOOKS.glob("*.md"), ROOT / "docs/deploy.md", ROOT / "docs/cost.md"]:
            text = path.read_text()
            for script in re.findall(r"\bscripts/([\w-]+)", text):
                self.assertTrue((ROOT / "scripts" / script).exists(), f"{path.name}: scripts/{script}")
            for name in re.findall(r"`([a-z]\w*) = ", text):
                self.assertIn(name, declared, path.name)
            for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
                self.assertTrue((path.parent / link).exists(), f"{path.name}: {link}")


if __name__ == "__main__":
    unittest.main()
