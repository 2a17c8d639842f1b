"""A dependency that nothing uses is found, and one that something uses is not."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from dependencies import unused


class Dependencies(unittest.TestCase):
    def test_what_nothing_uses_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "a/src").mkdir(parents=True)
            (root / "Cargo.toml").write_text('[workspace]\nmembers = ["a"]\n[workspace.dependencies]\nserde-json = "1"\ntower = "1"\nhttp = "1"\n')
            (root / "a/Cargo.toml").write_text('[package]\nname = "a"\n[package.metadata.unused-dependencies]\nkept = ["kept"]\n'
                                               '[dependencies]\nserde-json.workspace = true\ntower.workspace = true\nkept = "1"\n[dev-dependencies]\nproptest = "1"\n')
            (root / "a/src/lib.rs").write_text("// tower and proptest are only spoken of\nuse serde_json::Value;\n")
            problems = unused(root)
            self.assertEqual([(name, sum(name in problem for problem in problems)) for name in ("serde-json", "tower", "http", "kept", "proptest")],
                             [("serde-json", 0), ("tower", 1), ("http", 1), ("kept", 0), ("proptest", 1)], problems)


if __name__ == "__main__":
    unittest.main()
