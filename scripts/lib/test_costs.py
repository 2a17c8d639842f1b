"""scripts/costs sets the second build beside the first, and does not hide that one failed."""

from __future__ import annotations

import contextlib
import io
import sys
import types
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

sys.path.insert(0, str(Path(__file__).parent))
import costs


def result(name: str, seconds: float, scanned: int | None, kind: str = "table"):
    node = SimpleNamespace(name=name, unique_id=f"model.{name}", resource_type="model", config=SimpleNamespace(materialized=kind), compiled_code=f"select '{name}'")
    return SimpleNamespace(node=node, execution_time=seconds, adapter_response={"bytes_processed": scanned} if scanned else {})


def run(*results, success: bool = True):
    return SimpleNamespace(success=success, exception=None, result=SimpleNamespace(results=list(results)))


class Costs(unittest.TestCase):
    def prints(self, runs: list, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output and errors of scripts/costs, if dbt's runs end so."""
        asked = []
        runner = types.ModuleType("dbt.cli.main")
        runner.dbtRunner = lambda: SimpleNamespace(invoke=lambda words: (asked.append(words), runs[len(asked) - 1])[1])
        modules = {"dbt": types.ModuleType("dbt"), "dbt.cli": types.ModuleType("dbt.cli"), "dbt.cli.main": runner}
        output, errors = io.StringIO(), io.StringIO()
        with (mock.patch.dict(sys.modules, modules), mock.patch.dict("os.environ"), mock.patch.object(sys, "argv", ["costs", *arguments]),
              contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors)):
            code = costs.main()
        self.asked = asked
        return code, output.getvalue(), errors.getvalue()

    def test_a_second_build_that_scans_less(self):
        first = run(result("dim_users", 2.0, 30_000_000), result("stg_users", 0.5, None, "view"))
        # Another order, as threads have it.
        second = run(result("stg_users", 0.25, None, "view"), result("dim_users", 1.0, 1_500_000))
        code, output, _ = self.prints([first, second], "--builds")
        lines = [line.split() for line in output.splitlines()]
        self.assertEqual(code, 0)
        self.assertIn(["dim_users", "table", "2.00", "1.00", "30.0", "MB", "1.5", "MB"], lines)
        self.assertIn(["stg_users", "view", "0.50", "0.25", "–", "–"], lines)
        self.assertIn(["all", "2.50", "1.25", "30.0", "MB", "1.5", "MB"], lines)
        self.assertEqual([words[:2] for words in self.asked], [["--quiet", "build"]] * 2)

    def test_a_build_that_failed(self):
        code, output, errors = self.prints([run(result("dim_users", 2.0, 1)), run(success=False)], "--builds")
        self.assertEqual((code, output), (1, ""))
        self.assertIn("dbt build failed", errors)

    def test_what_bigquery_would_scan(self):
        client = SimpleNamespace(query=lambda sql, job_config: SimpleNamespace(total_bytes_processed=7_000_000 if sql == "select 'dim_users'" else 0))
        with mock.patch.object(costs, "client", lambda: client), mock.patch.object(costs, "dry_run_config", lambda: None):
            code, output, _ = self.prints([run(result("dim_users", 2.0, None))], "--dry-run")
        self.assertEqual(code, 0)
        self.assertIn(["dim_users", "table", "7.0", "MB"], [line.split() for line in output.splitlines()])
        self.assertEqual(self.asked, [["--quiet", "compile"]])

    def test_what_the_last_run_took(self):
        last = SimpleNamespace(run_id="r", status="success", built="everything", started="2026-01-05 10:00:00", elapsed_s=12.34)
        nodes = [
            SimpleNamespace(name="dim_users", type="model", elapsed_s=2.0, bytes=1 << 39, bytes_billed=1 << 40, slot_ms=2_500),
            SimpleNamespace(name="primary_key", type="test", elapsed_s=1.0, bytes=None, bytes_billed=None, slot_ms=None),
        ]
        answers = {"_dbt_runs`": [last], "_dbt_run_nodes`": nodes}
        asked = []
        client = SimpleNamespace(query=lambda sql: (asked.append(sql), SimpleNamespace(result=lambda: next(rows for table, rows in answers.items() if table in sql)))[1])
        with mock.patch.object(costs, "client", lambda: client):
            code, output, _ = self.prints([])
            answers["_dbt_runs`"] = []
            unknown, _, errors = self.prints([])
        lines = [line.split() for line in output.splitlines()]
        self.assertEqual((code, unknown), (0, 1))
        self.assertIn("run_id = 'r'", asked[1])
        self.assertIn(["dim_users", "model", "2.00", "549,755.8", "MB", "1,099,511.6", "MB", "2.5", "6.2500"], lines)
        self.assertIn(["primary_key", "test", "1.00", "–", "–", "–", "–"], lines)
        self.assertIn(["all", "12.34", "549,755.8", "MB", "1,099,511.6", "MB", "2.5", "6.2500"], lines)
        self.assertIn("no run in the last month", errors)


if __name__ == "__main__":
    unittest.main()
