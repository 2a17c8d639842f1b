"""Expressions that the models use give the same on the emulator and in GoogleSQL; those that they avoid still do not.

When a newer emulator agrees on an expression that is avoided, the test fails: the table then has a line too many.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from checker import Checker
from engine import ROOT, SqlError

TABLE = json.loads(Path(__file__).with_name("expressions.json").read_text())
LET_THROUGH = json.loads(Path(__file__).with_name("let_through.json").read_text())
PROJECT = "mergemind-local"


class Expressions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.checker = Checker(PROJECT)
        cls.folder = tempfile.TemporaryDirectory(prefix="expressions-")
        launcher = [ROOT / ".local/venv-emulator/bin/python", ROOT / "scripts/emulator/launcher.py", "--until-stdin-closes", "--log-level", "error",
                    "--rest-port", "0", "--grpc-port", "0", "--data-dir", cls.folder.name]
        cls.emulator = subprocess.Popen(launcher, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        ready = re.search(r"BIGQUERY_EMULATOR_HOST=(\S+)", cls.emulator.stdout.readline())
        assert ready, "the emulator did not start"
        cls.address = ready[1]

    @classmethod
    def tearDownClass(cls):
        cls.emulator.communicate()  # Closing its standard input ends it.
        cls.folder.cleanup()

    def test_both_give_the_expected_answer(self):
        for line in TABLE:
            with self.subTest(expression=line["use"]):
                self.assertEqual(self.googlesql(line["use"]), expected(line["answer"]), "GoogleSQL")
                self.assertEqual(self.on_emulator(line["use"]), expected(line["answer"]), "the emulator")

    def test_what_is_avoided_still_differs(self):
        for line in TABLE:
            if "avoid" in line:
                with self.subTest(expression=line["avoid"], why=line["why"]):
                    # The reference implementation lacks a few functions: their answer is the one that BigQuery documents.
                    right = expected(line["documented"] if "documented" in line else line["googlesql"])
                    if "googlesql" in line:
                        self.assertEqual(self.googlesql(line["avoid"]), right)
                    self.assertNotEqual(self.on_emulator(line["avoid"]), right, "the emulator agrees now: take it off the table")

    def test_what_the_emulator_lets_through_is_refused(self):
        for line in LET_THROUGH:
            with self.subTest(expression=line["sql"], why=line["why"]):
                with self.assertRaisesRegex(SqlError, line["refusal"]):
                    self.checker.run(f"select {line['sql']} as answer")
                self.assertNotIn("refused", str(self.on_emulator(line["sql"])), "the emulator refuses it now: take it off the list")

    def googlesql(self, expression: str):
        outcome = self.checker.run(f"select {expression} as answer")
        return expected(typed(outcome.rows[0]["f"][0]["v"], outcome.fields[0]["type"]))

    def on_emulator(self, expression: str):
        body = json.dumps({"query": f"select {expression} as answer", "useLegacySql": False}).encode()
        request = urllib.request.Request(f"{self.address}/bigquery/v2/projects/{PROJECT}/queries", body, {"Content-Type": "application/json"})
        try:
            answer = json.load(urllib.request.urlopen(request))
        except urllib.error.HTTPError as error:
            return f"refused: {error.read()[:100]}"
        if answer.get("errors"):
            return f"refused: {answer['errors'][0]['message'][:100]}"
        return expected(typed(answer["rows"][0]["f"][0]["v"], answer["schema"]["fields"][0]["type"]))


def typed(text, kind: str):
    """A cell of BigQuery's REST API as JSON would hold it; a type that it should not have shows."""
    if text is None:
        return None
    if kind in ("INTEGER", "INT64"):
        return int(text)
    if kind in ("FLOAT", "FLOAT64"):
        return float(text)
    if kind in ("BOOLEAN", "BOOL"):
        return str(text).lower() == "true"
    return text if kind in ("STRING", "DATE") else f"{kind} {text}"


def expected(value):
    return float(f"{value:.12g}") if isinstance(value, float) and math.isfinite(value) else value


if __name__ == "__main__":
    unittest.main()
