"""scripts/check-supply: what it refuses, what it says when nobody answers, and what its lists of parts hold."""
import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path

import check
import crates
import sbom

VULNERABLE = '{"dependencies": [{"name": "agate", "version": "1.9.1", "vulns": [{"id": "PYSEC-1"}]}, {"name": "six", "version": "1", "vulns": []}]}'
CRATE = {"name": "stranger", "version": "1.0.0", "source": "registry+https://github.com/rust-lang/crates.io-index", "license": "MIT/Apache-2.0"}


class Crates(unittest.TestCase):
    def test_a_licence_needs_a_way_that_is_allowed(self):
        for licence, right in {
            "MIT/Apache-2.0": True, "MIT OR GPL-3.0-only": True, "MIT AND GPL-3.0-only": False, "(MIT OR GPL-3.0-only) AND ISC": True,
            "Apache-2.0 WITH LLVM-exception": True, "GPL-3.0-only": False, None: False,
        }.items():
            with self.subTest(licence):
                self.assertEqual(crates.problems([CRATE | {"license": licence}], crates.rules()) == [], right)

    def test_crates_come_from_one_registry(self):
        self.assertEqual(crates.problems([CRATE], crates.rules()), [])
        for source in ("git+https://git.example/stranger#1", "registry+https://registry.example/index"):
            self.assertIn(source, str(crates.problems([CRATE | {"source": source}], crates.rules())))

    def test_those_of_other_versions_are_told(self):
        self.assertEqual(crates.doubles([CRATE, CRATE | {"version": "2.0.0"}, CRATE | {"name": "once"}]), {"stranger": ["1.0.0", "2.0.0"]})


class PipAudit(unittest.TestCase):
    def asked(self, script):
        """What comes of a pip-audit that does this; what is found and what is said."""
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as said:
            program = Path(folder) / "pip-audit"
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(0o755)
            return check.pip_audit(program), said.getvalue()

    def test_a_weakness_is_a_problem(self):
        found, said = self.asked(f"echo '{VULNERABLE}'; exit 1")
        self.assertEqual(found, ["agate 1.9.1: PYSEC-1"])
        self.assertIn("2 packages", said)

    def test_a_list_that_cannot_be_reached_is_said_and_is_none(self):
        found, said = self.asked("echo 'requests.exceptions.ConnectionError: nobody' >&2; exit 1")
        self.assertEqual(found, [])
        self.assertIn("skipped", said)

    def test_anything_else_is_a_problem(self):
        self.assertIn("no such file", self.asked("echo 'no such file' >&2; exit 1")[0][0])


class Lists(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.told = crates.metadata()
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.parts = {}
        for program in crates.PROGRAMS:
            path, _ = sbom.write(cls.told, program, cls.folder.name)
            cls.parts[program] = json.loads(path.read_text())

    def test_each_names_its_program_and_what_that_is_linked_from(self):
        for program, bill in self.parts.items():
            self.assertEqual((bill["bomFormat"], bill["metadata"]["component"]["name"]), ("CycloneDX", program))
            names = {part["name"] for part in bill["components"]}
            self.assertLessEqual({"tokio", "mergemind-shared", "arrow"}, names)
            # Of tests alone.
            self.assertNotIn("gitlab-sim", names)

    def test_that_of_dbt_trigger_has_what_is_installed_and_nothing_that_is_left_out(self):
        purls = {part.get("purl") for part in self.parts["dbt-trigger"]["components"]}
        self.assertTrue(any(purl and purl.startswith("pkg:pypi/dbt-core@1.") for purl in purls))
        self.assertFalse([purl for purl in purls if purl and purl.startswith("pkg:pypi/pyarrow")])
        self.assertFalse([part for part in self.parts["gitlab-connector"]["components"] if part.get("purl", "").startswith("pkg:pypi")])

    def test_the_lock_s_conditions_count(self):
        text = "one==1 \\\n    --hash=sha256:" + "0" * 64 + "\ntwo==2 ; python_full_version < '3.12' \\\n    --hash=sha256:" + "1" * 64
        self.assertEqual([part.name for part in sbom.python_packages(text, "3.11")], ["one", "two"])
        self.assertEqual([part.name for part in sbom.python_packages(text, "3.13")], ["one"])


if __name__ == "__main__":
    unittest.main()
