"""A model that says too little of itself is found, and columns that are described once say everywhere the same."""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from derived import MODELS, outdated, selected, wanted, write
from described import shortcomings

MART = {
    "name": "agg_weeks", "layer": "marts", "description": "Weeks; rebuilt whole.", "contract": True, "owner": "data", "key": True, "compared": True, "reads": [],
    "columns": {"week": "The Monday.", "cycle_time_hours": "Mean."},
}
BUILT = {"agg_weeks": {"week": "DATE", "cycle_time_hours": "FLOAT64"}}


class Described(unittest.TestCase):
    def problems(self, change: dict, built: dict | None = None) -> str:
        return "\n".join(shortcomings([MART | change], built or BUILT))

    def test_nothing_is_missing(self):
        self.assertEqual(self.problems({}), "")

    def test_a_column_without_description(self):
        self.assertIn("nobody says what the column week is", self.problems({"columns": {"week": " ", "cycle_time_hours": "Mean."}}))
        self.assertIn("nobody says what the column week is", self.problems({"columns": {"cycle_time_hours": "Mean."}}))

    def test_a_described_column_that_is_not_there(self):
        self.assertIn("described column weak is not there", self.problems({"columns": MART["columns"] | {"weak": "A slip."}}))

    def test_what_a_mart_owes(self):
        for change, problem in (
            ({"description": "Weeks."}, "does not say what a build costs"), ({"owner": ""}, "no group with an owner"), ({"key": False}, "no primary_key test"),
            ({"contract": False}, "contract is not enforced"), ({"compared": False}, "no test in models/tests compares it"),
        ):
            self.assertIn(problem, self.problems(change))

    def test_a_number_without_unit(self):
        self.assertIn("cycle_time is a FLOAT64 whose name has no unit",
                      self.problems({"columns": {"cycle_time": "Mean."}}, {"agg_weeks": {"cycle_time": "FLOAT64"}}))

    def test_what_readers_of_marts_may_not_read(self):
        for read in ("model.mergemind.int_reviews", "source.mergemind.gitlab.mr_notes"):
            self.assertIn(f"is a view that reads {read.split('.')[-1]}", self.problems({"reads": [read]}))
        self.assertEqual(self.problems({"reads": ["model.mergemind.agg_weeks"]}), "")
        for column in ("email", "author_email", "body"):
            found = self.problems({"columns": MART["columns"] | {column: "A text."}}, {"agg_weeks": BUILT["agg_weeks"] | {column: "STRING"}})
            self.assertIn(f"{column} is private", found)

    def test_an_intermediate_owes_less(self):
        self.assertEqual(self.problems({"layer": "intermediate", "contract": False, "key": False, "compared": False}), "")


class Derived(unittest.TestCase):
    def test_renamed_columns(self):
        sql = "select\n    id as note_id,\n    body,\n    coalesce(`system`, false) as is_system\nfrom x\n"
        self.assertEqual(selected(sql), [("note_id", "id"), ("body", "body"), ("is_system", "system")])
        with self.assertRaises(ValueError):
            selected("select\n    additions + deletions as lines\nfrom x\n")

    def test_a_new_description_arrives_and_tests_stay(self):
        with tempfile.TemporaryDirectory() as folder:
            models = Path(folder)
            (models / "staging").mkdir()
            (models / "intermediate").mkdir()
            (models / "marts").mkdir()
            (models / "staging/sources.yml").write_text(
                '      - name: notes\n        columns:\n          - {name: id, data_type: INT64, description: "The \\"note\\"."}\n'
                '          - {name: body, data_type: STRING, description: "Its text."}\n')
            (models / "staging/stg_gitlab__notes.sql").write_text("select\n    id as note_id,\n    body\nfrom x\n")
            file = models / "staging/staging.yml"
            file.write_text("version: 2\nmodels:\n  - name: stg_gitlab__notes\n    columns:\n      - name: note_id\n        description: Old.\n"
                            "        data_tests: [not_null]\n      - name: gone\n        description: Gone.\n")
            mart = models / "marts/dim_merge_requests.yml"
            mart.write_text('    columns:\n      - name: title\n        data_type: STRING\n        description: "Title."\n')
            intermediate = models / "intermediate/intermediate.yml"
            intermediate.write_text("models:\n  - name: other\n    columns:\n      - {name: x}\n  - name: int_merge_requests\n    columns:\n")
            self.assertEqual(len(outdated(models)), 2)
            write(models)
            self.assertEqual(outdated(models), [])
            self.assertEqual(file.read_text(), 'version: 2\nmodels:\n  - name: stg_gitlab__notes\n    columns:\n      - name: note_id\n'
                             '        description: "The \\"note\\"."\n        data_tests: [not_null]\n      - {name: body, description: "Its text."}\n')
            self.assertTrue(intermediate.read_text().endswith('- {name: x}\n  - name: int_merge_requests\n    columns:\n      - {name: title, description: "Title."}\n'))

    def test_the_project_has_staging_columns(self):
        self.assertGreater(sum(text.count("      - {name: ") for text in wanted(MODELS).values()), 300)


if __name__ == "__main__":
    unittest.main()
