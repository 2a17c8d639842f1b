"""What the functions are told, against what the functions themselves say that they read."""
import os
import re
import subprocess
import sys
import unittest

from rules import crowded, late, unmatched
from states import state
from terraform import EVERYTHING, INFRA, ROOT, environment_of

sys.path.insert(0, str(ROOT / "scripts/images"))
import dockerfile  # noqa: E402

DOCUMENT = ROOT / "docs/deploy.md"


def program(name):
    where = subprocess.run([ROOT / "scripts/build", "--where"], check=True, text=True, stdout=subprocess.PIPE).stdout
    return os.path.join(where.strip(), name)


def read_by(name):
    """The variables that a function reads, from its own --help."""
    said = subprocess.run([program(name), "--help"], check=True, text=True, stdout=subprocess.PIPE).stdout
    return set(re.findall(r"^([A-Z][A-Z0-9_]{2,}) ", said, re.M))


def set_in_image(name):
    """The variables that a function's image sets."""
    return dockerfile.image(name).environment


def left_to_people(name):
    """The variables that docs/deploy.md says are left to whoever deploys."""
    section = DOCUMENT.read_text().partition(f"### Left to you: `{name}`")[2].partition("\n#")[0]
    return set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", section, re.M))


FUNCTIONS = {"gitlab-connector": ("gitlab-connector", "webhooks"), "dbt-trigger": ("dbt-trigger",)}
# Read by the shim for both functions, and not part of their own tables.
SHIM = {"LOG_LEVEL", "LOG_FORMAT"}
# Set in an image for what the function starts: Python, git, and dbt itself.
FOR_CHILDREN = {"PYTHONDONTWRITEBYTECODE", "HOME", "PATH", "DBT_PARTIAL_PARSE_FILE_PATH", "DBT_EXCLUDE_RESOURCE_TYPES"}


class Settings(unittest.TestCase):
    def told(self, function):
        """Everything that the services of a function are told, with all features on."""
        for (name, _), service in state(True).services().items():
            if name.removeprefix("mergemind-") in FUNCTIONS[function]:
                yield name, *environment_of(service)

    def test_an_instance_gets_its_first_request_once_it_is_ready(self):
        paths = {name: service["template"][0]["containers"][0]["startup_probe"][0]["http_get"][0]["path"] for (name, _), service in state(True).services().items()}
        self.assertEqual({name for name, path in paths.items() if path == "/ready"}, {"mergemind-dbt-trigger"}, paths)

    def test_every_variable_is_set_or_documented_and_none_is_unknown(self):
        for function in FUNCTIONS:
            with self.subTest(function):
                known = read_by(function)
                self.assertGreater(len(known), 10)
                told = set(set_in_image(function)) - FOR_CHILDREN
                for _, plain, secret in self.told(function):
                    told |= set(plain) | set(secret)
                documented = left_to_people(function)
                # Cloud Run itself sets PORT.
                for problem, names in unmatched(known | SHIM, told | {"PORT"}, documented).items():
                    self.assertEqual(names, set(), problem)

    def test_the_functions_take_what_they_are_told(self):
        for function in FUNCTIONS:
            for name, plain, secret in self.told(function):
                with self.subTest(name):
                    environment = {"PORT": "8080", "K_SERVICE": name} | set_in_image(function) | plain
                    environment |= {variable: f"sm://projects/acme-data-123/secrets/{name}" for variable, name in secret.items()}
                    if "DBT_PROJECT_DIR" in environment:
                        environment["DBT_PROJECT_DIR"] = str(ROOT / "models")
                        environment["DBT_PROFILES_DIR"] = str(ROOT / "models")
                        environment["REPORT_DIR"] = str(ROOT / "scripts/reporting")
                    done = subprocess.run(
                        [program(function), "--print-config"], env=environment, text=True,
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                    )
                    self.assertEqual(done.returncode, 0, done.stdout)

    def test_the_list_of_reserved_variables_is_complete(self):
        text = (INFRA / "locals.tf").read_text()
        for function, key in (("gitlab-connector", "connector"), ("dbt-trigger", "trigger")):
            reserved = set(re.findall(r'"(\w+)"', re.search(rf"{key} = \[(.*?)\]", text, re.S)[1]))
            said = set(EVERYTHING.get(f"{key}_environment", {}))
            for name, plain, secret in self.told(function):
                self.assertEqual((set(plain) | set(secret)) - said - reserved, set(), f"{name}: may be overridden by mistake")

    def test_nobody_hangs_up_too_early(self):
        for everything in (False, True):
            self.assertEqual(late(state(everything)), [])

    def test_dbt_is_started_anew_before_memory_runs_out(self):
        for everything in (False, True):
            self.assertEqual(crowded(state(everything)), [])

    def test_the_connector_is_told_the_triggers_address(self):
        for everything in (False, True):
            services = state(everything).services()
            for (name, place), service in services.items():
                if name != "mergemind-dbt-trigger":
                    plain, _ = environment_of(service)
                    self.assertEqual(plain["DBT_TRIGGER_URL"], services["mergemind-dbt-trigger", place]["uri"])

    def test_both_sides_of_the_trigger_show_the_same_secret(self):
        for (name, _), service in state(True).services().items():
            _, secret = environment_of(service)
            variable = "AUTH_TOKEN" if name == "mergemind-dbt-trigger" else "DBT_TRIGGER_AUTH_TOKEN"
            self.assertEqual(secret[variable], "mergemind-trigger-token")


if __name__ == "__main__":
    unittest.main()
