"""Links of documents that lead nowhere are found, and pages that nobody finds."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from links import broken, headings, unreachable

README = """# The *thing*
[page](docs/page.md#two-words), [itself](#the-thing), [elsewhere](https://example.org/x.md)
```sh
[no link](nowhere.md)
```
"""


class Links(unittest.TestCase):
    def found(self, **files: str) -> list[str]:
        """What is wrong in a repository of these files; `__` stands for a folder, `_md` and `_rs` for the suffix."""
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder).resolve()
            for name, text in files.items():
                path = root / name.replace("__", "/").replace("_md", ".md").replace("_rs", ".rs")
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
            files = [path for path in root.rglob("*") if path.is_file()]
            pages = [f"{page.name}: unreachable" for page in unreachable(root, sorted((root / "docs").glob("*.md")))]
            return sorted(broken(root, files)) + pages

    def test_what_is_well_is_not_found(self):
        self.assertEqual(self.found(README_md=README, docs__page_md="## Two words\n[back](../README.md)\n", a_rs="// See docs/page.md#two-words."), [])

    def test_files_and_headings_that_are_not_there_are_found(self):
        text = README + "[gone](docs/gone.md) [other](docs/page.md#three) [own](#four) [out](../../etc)\n"
        found = self.found(README_md=text, docs__page_md="## Two words\n", a_rs="// See docs/page.md#one and docs/lost.md.")
        self.assertEqual([line.split(": ")[1] for line in found], ["#four", "../../etc", "docs/gone.md", "docs/page.md#three", "docs/lost.md", "docs/page.md#one"])

    def test_a_page_that_nobody_finds_is_found(self):
        found = self.found(README_md=README, docs__page_md="## Two words\n", docs__lonely_md="[page](page.md)\n")
        self.assertEqual(found, ["lonely.md: unreachable"])

    def test_headings_are_as_github_makes_them(self):
        self.assertEqual(headings("# A `b_c`: d!\n## Same\n## Same\n```\n# no\n```\n### [Link](x)\n"), {"a-b_c-d", "same", "same-1", "link"})


if __name__ == "__main__":
    unittest.main()
