"""The line that CI reads."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import main


class Total(unittest.TestCase):
    def test_what_another_run_made_up_for_is_not_skipped(self):
        slow = "sync::slow (slow: scripts/test --slow)"
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(main, "RESULTS", Path(folder)):
            for name, failed, skipped in (("usual", 0, [slow, "infra (Terraform is not installed)"]), ("slow", 1, []), ("on", 0, [slow])):
                (Path(folder) / f"{name}.json").write_text(json.dumps({"passed": 2, "failed": failed, "skipped": skipped}))
            for runs, status, line in ((["usual", "slow", "on"], 1, "6 passed, 1 failed, 1 skipped"), (["usual", "on"], 0, "4 passed, 0 failed, 2 skipped")):
                with contextlib.redirect_stdout(io.StringIO()) as shown:
                    self.assertEqual(main.total(runs), status)
                self.assertEqual(shown.getvalue().strip(), line)


if __name__ == "__main__":
    unittest.main()
