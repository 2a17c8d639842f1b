"""The checker checks: mistakes planted in a copy of infra/ are found, each by its own message."""
import json
import re
import tempfile
import unittest

from terraform import INFRA, STAND_IN, Workspace

CONNECTOR = "modules/function/main.tf"
# The file, what is replaced by what, and what Terraform then says.
MISTAKES = {
    "a misspelt argument": (CONNECTOR, "max_instance_request_concurrency", "max_instance_concurrency", "Unsupported argument"),
    "a missing argument": ("storage.tf", '  location = var.bq_location\n', "", 'The argument "location" is required'),
    "a missing block": ("events.tf", "expiration_policy {\n    ttl = \"\"\n  }", "expiration_policy {\n  }", 'The argument "ttl" is required'),
    "a block that may come once": (CONNECTOR, "    scaling {", "    scaling {\n    }\n    scaling {", "Too many scaling blocks"),
    "an unknown block": ("scheduler.tf", "retry_config {", "retry_policy {", "Unsupported block type"),
    "a value that is none of the listed": (CONNECTOR, "EXECUTION_ENVIRONMENT_GEN2", "GEN3", "expected execution_environment to be one of"),
    "a value of the wrong type": ("storage.tf", "age = 1\n", 'age = "tomorrow"\n', "a number is required"),
    "a reference to nothing": ("storage.tf", 'this["trigger"].member', 'this["trigger"].membership', "no argument, nested block, or exported attribute named"),
    "an unknown type": ("budget.tf", "google_billing_budget", "google_billing_budgets", "Invalid resource type"),
}


class Checker(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="mergemind-infra-")
        cls.workspace = Workspace(cls.folder.name).init()

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_planted_mistakes_are_found(self):
        # All that are left at once: of some Terraform tells only where there are no others.
        left = dict(MISTAKES)
        while left:
            for file, old, new, _ in left.values():
                self.workspace.edit(file, old, new)
            try:
                said = self.workspace.run("validate", expect=1)
            finally:
                for file, *_ in left.values():
                    self.workspace.undo(file)
            # Terraform breaks its lines where it likes.
            said = re.sub(r"[\s│]+", " ", said)
            found = [name for name, (*_, message) in left.items() if message in said]
            self.assertTrue(found, f"of {list(left)} nothing in: {said}")
            for name in found:
                del left[name]
        self.assertIn("is valid", self.workspace.run("validate"))

    def test_a_file_of_another_form_is_found(self):
        self.workspace.edit("locals.tf", "  labels = merge", "  labels  =  merge")
        try:
            self.assertIn("locals.tf", self.workspace.run("fmt", "-check", "-recursive", expect=3))
        finally:
            self.workspace.undo("locals.tf")

    def test_a_broken_expectation_fails_terraforms_tests(self):
        self.workspace.edit("locals.tf", "attempt_deadline_seconds = 1800", "attempt_deadline_seconds = 1900")
        # The run that expects otherwise, alone.
        first, *runs = (INFRA / "tests/defaults.tftest.hcl").read_text().split("\nrun ")
        [run] = [run for run in runs if "The scheduler waits as long as it can." in run]
        (self.workspace.config / "tests/broken.tftest.hcl").write_text(f"{first}\nrun {run}")
        said = self.workspace.run("test", "-filter=tests/broken.tftest.hcl", expect=1)
        self.assertIn("The scheduler waits as long as it can.", said)
        self.workspace.undo("locals.tf")

    def test_the_schema_holds_the_types_that_are_used_and_no_others(self):
        text = "\n".join(path.read_text() for path in INFRA.rglob("*.tf"))
        table = json.loads((STAND_IN / "schema.json").read_text())
        for kind, key in (("resource", "resources"), ("data", "data")):
            used = set(re.findall(rf'^{kind} "(google_\w+)"', text, re.M))
            self.assertEqual(set(table[key]), used, "run tests/infra/stand-in/make-schema")

    def test_every_validation_has_a_run_that_expects_it(self):
        expected = (INFRA / "tests/validations.tftest.hcl").read_text()
        expected = " ".join(re.findall(r"expect_failures = \[(.*?)\]", expected, re.S))
        for file in INFRA.glob("variables*.tf"):
            for name, body in re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', file.read_text(), re.S | re.M):
                there, tested = body.count("validation {"), len(re.findall(rf"\bvar\.{name}\b", expected))
                self.assertGreaterEqual(tested, there, f"var.{name} has {there} validations, of which {tested} are tried")


if __name__ == "__main__":
    unittest.main()
