"""Which models a run of single rows builds, and what becomes of those before them."""

import types
import unittest

import live_rows
from live_rows import LiveRows


def model(name, parents=(), key=None, kind="model"):
    meta = {"live_rows": key} if key else {}
    config = types.SimpleNamespace(materialized="table", meta=meta)
    depends = types.SimpleNamespace(nodes=[f"model.{parent}" for parent in parents] + ["source.raw"])
    return types.SimpleNamespace(unique_id=f"model.{name}", name=name, resource_type=kind, config=config, depends_on=depends)


class Manifest:
    def __init__(self, *nodes, has_materialization=True):
        self.nodes = {node.unique_id: node for node in nodes}
        self.metadata = types.SimpleNamespace(project_name="p")
        self.has_materialization = has_materialization

    def find_materialization_macro_by_name(self, project_name, materialization_name, adapter_type):
        return "a macro" if self.has_materialization and materialization_name == "live_rows" else None

    def materialized(self):
        return {node.name: node.config.materialized for node in self.nodes.values()}


def project(**named):
    return Manifest(model("notes"), model("times", ["notes"]), model("dim", ["times"], "id"), model("fct", ["dim"], "id"), model("other", ["dim"]), **named)


class Tests(unittest.TestCase):
    def setUp(self):
        self.rows = LiveRows()
        self.rows.known = True
        self.locked = []
        self.compile, live_rows.compile_one_at_a_time = live_rows.compile_one_at_a_time, lambda: self.locked.append(True)

    def tearDown(self):
        live_rows.compile_one_at_a_time = self.compile

    def test_marked_models_are_written_and_those_before_them_stand_in_their_statements(self):
        manifest = project()
        args = self.rows.arguments(["build", "--select", "tag:live"], ["build", "--vars", "{}"], manifest)
        self.assertEqual(args, ["build", "--vars", "{}", "--select", "dim", "fct"])
        self.assertEqual(
            manifest.materialized(),
            {"notes": "ephemeral", "times": "ephemeral", "dim": "live_rows", "fct": "live_rows", "other": "table"},
        )
        self.assertEqual(self.locked, [True])

    def test_without_rows_models_or_a_known_dbt_a_run_is_the_ordinary_one(self):
        ordinary, narrowed = ["build"], ["build", "--vars", "{}"]
        seed = Manifest(model("notes", kind="seed"), model("dim", ["notes"], "id"))
        for manifest, asked in [(project(), None), (None, narrowed), (project(has_materialization=False), narrowed), (Manifest(model("notes")), narrowed), (seed, narrowed)]:
            self.assertEqual(self.rows.arguments(ordinary, asked, manifest), ordinary)
            if manifest:
                self.assertLessEqual(set(manifest.materialized().values()), {"table"})
        self.rows.known = False
        self.assertEqual(self.rows.arguments(ordinary, narrowed, project()), ordinary)
        self.assertEqual(self.locked, [])


if __name__ == "__main__":
    unittest.main()
