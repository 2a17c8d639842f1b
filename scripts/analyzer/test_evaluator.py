"""A rule that is broken is named, unless its reason is written down; a reason without need is named, too."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from evaluator import problems


def model(name: str, *parents: str, materialized: str = "table", exceptions: dict | None = None) -> dict:
    layer = {"stg": "staging", "int": "intermediate"}.get(name.split("_")[0], "marts")
    return {
        "unique_id": f"model.p.{name}", "name": name, "resource_type": "model", "fqn": ["p", layer, name], "description": "What it is.",
        "config": {"materialized": materialized, "meta": {"exceptions": exceptions or {}}}, "depends_on": {"nodes": list(parents)},
        "access": "public" if layer == "marts" else "protected", "contract": {"enforced": layer == "marts"},
    }


def manifest(*models: dict, keyed: bool = True) -> dict:
    source = {
        "unique_id": "source.p.raw.users", "name": "users", "database": "d", "schema": "raw", "identifier": "users", "description": "People.",
        "freshness": {"warn_after": {"count": 1}},
    }
    tests = [
        {"unique_id": f"test.p.{node['name']}", "name": f"key_of_{node['name']}", "resource_type": "test", "attached_node": node["unique_id"],
         "test_metadata": {"name": "primary_key"}}
        for node in models if keyed
    ]
    return {"nodes": {node["unique_id"]: node for node in [*models, *tests]}, "sources": {source["unique_id"]: source}, "exposures": {}}


STAGED = model("stg_users", "source.p.raw.users", materialized="view")


class Rules(unittest.TestCase):
    def broken(self, *models: dict, **options) -> list[str]:
        return [problem.split(":")[0] for problem in problems(manifest(*models, **options))]

    def test_a_project_that_holds_them(self):
        self.assertEqual(self.broken(STAGED, model("dim_users", "model.p.stg_users")), [])

    def test_a_mart_on_a_raw_table(self):
        self.assertEqual(self.broken(STAGED, model("dim_users", "model.p.stg_users", "source.p.raw.users")), [
            "dim_users breaks the rule direct_join_to_source", "dim_users breaks the rule downstream_on_source",
        ])

    def test_a_model_of_nothing_has_its_reason(self):
        reason = {"root_models": "a calendar"}
        self.assertEqual(self.broken(STAGED, model("dim_users", "model.p.stg_users"), model("dim_date")), ["dim_date breaks the rule root_models"])
        self.assertEqual(self.broken(STAGED, model("dim_users", "model.p.stg_users"), model("dim_date", exceptions=reason)), [])

    def test_a_reason_without_need(self):
        reason = {"root_models": "a calendar"}
        told = self.broken(STAGED, model("dim_users", "model.p.stg_users", exceptions=reason))
        self.assertEqual(told, ["dim_users has an exception from the rule root_models and does not break it"])

    def test_many_joins_a_chain_of_views_and_no_key(self):
        staged = [model(f"stg_{name}", "source.p.raw.users", materialized="view") for name in "abcdefg"]
        many = model("dim_many", *(node["unique_id"] for node in staged))
        self.assertEqual(self.broken(*staged, many), ["dim_many breaks the rule too_many_joins"])
        chain = [STAGED, *(model(f"int_{at}", f"model.p.{'int_' + str(at - 1) if at else 'stg_users'}", materialized="view") for at in range(4))]
        self.assertEqual(self.broken(*chain), ["int_3 breaks the rule chained_views"])
        self.assertIn("dim_users breaks the rule missing_primary_key_tests", self.broken(STAGED, model("dim_users", "model.p.stg_users"), keyed=False))


if __name__ == "__main__":
    unittest.main()
