"""A mart's readers are warned of nothing that they need not know, and of all that breaks them."""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from published import broken_promises, publish, read

OLD = {"dim_users": {"1": {"user_id": "INT64", "name": "STRING"}}}


class Promises(unittest.TestCase):
    def test_nothing_changed(self):
        self.assertEqual(broken_promises(OLD, OLD), [])

    def test_a_removed_column(self):
        problems = broken_promises(OLD, {"dim_users": {"1": {"user_id": "INT64"}}})
        self.assertIn("dim_users v1 lost the column name", problems[0])

    def test_a_changed_type(self):
        problems = broken_promises(OLD, {"dim_users": {"1": {"user_id": "STRING", "name": "STRING"}}})
        self.assertIn("user_id was INT64 and is STRING", problems[0])

    def test_a_removed_mart(self):
        self.assertIn("dim_users v1 is gone", broken_promises(OLD, {})[0])

    def test_a_column_removed_in_a_new_version(self):
        both = {"dim_users": {"1": OLD["dim_users"]["1"], "2": {"user_id": "INT64"}}}
        self.assertEqual([problem for problem in broken_promises(OLD, both) if "unpublished" not in problem], [])

    def test_new_columns_are_published_once(self):
        new = {"dim_users": {"1": {**OLD["dim_users"]["1"], "state": "STRING"}}}
        self.assertIn("unpublished columns (state)", broken_promises(OLD, new)[0])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "published.json"
            publish(read(path), new, path)
            self.assertEqual(broken_promises(read(path), new), [])
            publish(read(path), {"dim_users": {"1": {"user_id": "STRING"}}}, path)
            self.assertEqual(read(path), new)


if __name__ == "__main__":
    unittest.main()
