"""No model, and no query that people are told to use, has a form of which expressions.json says that it is avoided."""

from __future__ import annotations

import json
import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from check import QUESTIONS
from engine import ROOT

AVOIDED = [line for line in json.loads(Path(__file__).with_name("expressions.json").read_text()) if "avoid" in line]
FLAGS = re.IGNORECASE | re.DOTALL


class Avoided(unittest.TestCase):
    def test_each_pattern_tells_the_forms_apart(self):
        for line in AVOIDED:
            with self.subTest(avoid=line["avoid"]):
                self.assertRegex(line["avoid"], re.compile(line["pattern"], FLAGS))
                self.assertNotRegex(line["use"], re.compile(line["pattern"], FLAGS))

    def test_no_sql_has_such_a_form(self):
        queries = written()
        self.assertGreater(len(queries), 50)
        for name, sql in queries.items():
            for line in AVOIDED:
                with self.subTest(sql=name, avoid=line["avoid"]):
                    found = re.search(line["pattern"], without_comments(sql), FLAGS)
                    self.assertIsNone(found, f"{found and found[0]}: {line['why']}; use {line['use']}")

    def test_comments_may_name_it(self):
        self.assertEqual(without_comments("{# week(monday)\n -#}select 1 -- div(1, 2)\n, '--' as x").split(), ["select", "1", ",", "'--'", "as", "x"])


def written() -> dict[str, str]:
    """All SQL of the project that is not the connector's: models, tests and macros before Jinja, and the queries for people."""
    readme = (ROOT / "models/README.md").read_text()
    queries = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "models").rglob("*.sql") if "target" not in path.parts}
    queries |= {f"README.md, query {number}": sql for number, sql in enumerate(re.findall(r"(?s)```sql\n(.*?)```", readme), 1)}
    return queries | {f"questions.py, {name}": sql for name, sql in QUESTIONS.items()}


def without_comments(sql: str) -> str:
    return re.sub(r"(?s)\{#.*?#\}|('(?:[^'\n])*')|--[^\n]*", lambda match: match[1] or "", sql)


if __name__ == "__main__":
    unittest.main()
