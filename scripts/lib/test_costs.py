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
        code, output, _ = self.prints([first, second])
        lines = [line.split() for line in output.splitlines()]
        self.assertEqual(code, 0)
        self.assertIn(["dim_users", "table", "2.00", "1.00", "30.0", "MB", "1.5", "MB"], lines)
        self.assertIn(["stg_users", "view", "0.50", "0.25", "–", "–"], lines)
        self.assertIn(["all", "2.50", "1.25", "30.0", "MB", "1.5", "MB"], lines)
        self.assertEqual([words[:2] for words in self.asked], [["--quiet", "build"]] * 2)

    def test_a_build_that_failed(self):
        code, output, errors = self.prints([run(result("dim_users", 2.0, 1)), run(success=False)])
        self.assertEqual((code, output), (1, ""))
        self.assertIn("dbt build failed", errors)

    def test_what_bigquery_would_scan(self):
        client = SimpleNamespace(query=lambda sql, job_config: SimpleNamespace(total_bytes_processed=7_000_000 if sql == "select 'dim_users'" else 0))
        with mock.patch.object(costs, "client", lambda: client), mock.patch.object(costs, "dry_run_config", lambda: None):
            code, output, _ = self.prints([run(result("dim_users", 2.0, None))], "--dry-run")
        self.assertEqual(code, 0)
        self.assertIn(["dim_users", "table", "7.0", "MB"], [line.split() for line in output.splitlines()])
        self.assertEqual(self.asked, [["--quiet", "compile"]])


if __name__ == "__main__":
    unittest.main()
