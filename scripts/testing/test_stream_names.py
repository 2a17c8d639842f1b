"""A stream's name is found as a literal wherever it stands, but for the streams' own files, comments and tests."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from circles import Crate
from stream_names import literals, named, streams


class StreamNames(unittest.TestCase):
    def test_a_name_is_found_outside_of_its_own_file_alone(self):
        files = {
            "main": "mod streams;\nmod sync;\nmod gitlab;\n",
            "streams/mod": 'mod jobs;\n',
            "streams/jobs": 'pub const NAME: &str = "jobs";\n',
            "gitlab": 'const FIELD: &str = "jobs";\n',
            "sync": """// "jobs"
fn f() { say("jobs of a project"); on(r#"jobs"#); }
#[cfg(test)]
mod tests { fn g() { on("jobs"); let brace = '{'; } }
""",
        }
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                file = Path(folder, f"{name}.rs")
                file.parent.mkdir(exist_ok=True)
                file.write_text(text)
            self.assertEqual(named(Crate(Path(folder)), {"jobs"}), [("sync.rs", "jobs")])

    def test_code_behind_a_test_is_read(self):
        self.assertEqual(literals('#[cfg(test)]\nmod tests { const A: &str = "};"; }\nconst B: &str = "b";\n'), ["b"])

    def test_names_come_from_the_table_of_tables(self):
        self.assertEqual(streams("| table |\n| [jobs](#jobs) | 3 |\n[tags](#tags)\n"), {"jobs", "_rejected"})


if __name__ == "__main__":
    unittest.main()
