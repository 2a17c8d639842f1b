"""Files that import each other in a circle are found; a façade that only passes names on is none."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from circles import Crate, without_tests


def circles(**files: str) -> list[list[str]]:
    """Of a crate of these files; `__` stands for a folder."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            file = Path(folder, name.replace("__", "/") + ".rs")
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        return Crate(Path(folder)).circles()


class Circles(unittest.TestCase):
    def test_a_circle_is_found_however_its_imports_are_written(self):
        for one in ("use crate::b::{self, B as Other};", "use super::{b::{B, C}, x};", "fn f() { crate::b::f(); }", "pub struct A(pub super::b::B);"):
            found = circles(lib="mod a;\nmod b;\npub mod c;\n", a=one, b="pub(crate) use std::fmt;\nuse crate::c::C;\n", c="use crate::a::A;\n")
            self.assertEqual(found, [["a.rs", "b.rs", "c.rs"]], one)

    def test_a_parent_that_uses_its_child_and_is_used_by_it_is_one(self):
        found = circles(main="mod a;\n", a="mod leaf;\nuse leaf::f;\npub struct A;\n", a__leaf="use super::A;\npub fn f() {}\n")
        self.assertEqual(found, [["a.rs", "a/leaf.rs"]])

    def test_a_facade_is_none(self):
        found = circles(main="mod a;\n", a="mod leaf;\nmod user;\npub use leaf::{Leaf as Renamed, *};\npub(crate) use leaf::Leaf;\npub use user::User;\n",
                        a__leaf="pub struct Leaf;\n", a__user="use super::Leaf;\nuse crate::a::Leaf as Same;\npub struct User;\n")
        self.assertEqual(found, [])

    def test_without_a_circle_none_is_found(self):
        self.assertEqual(circles(lib="mod a;\nmod b;\n", a="use crate::b::B;\n", b="use std::fmt;\nuse other::a::A;\n"), [])

    def test_what_only_tests_import_comments_and_literals_do_not_count(self):
        b = """// use crate::a::A;
const HOST: &str = "https://a";
const TEXT: &str = r#"
use crate::a::A;"#;
const QUOTE: char = '"';
#[cfg(test)]
mod tests { use crate::a::A; fn f() { let open = '{'; } }
"""
        self.assertEqual(circles(lib="mod a;\nmod b;\n", a="use crate::b::B;\n", b=b), [])
        self.assertEqual(circles(lib="mod a;\nmod b;\n", a="use crate::b::B;\n", b=b + "use crate::a::A;\n"), [["a.rs", "b.rs"]])

    def test_code_behind_an_address_is_read(self):
        self.assertIn("use crate::a;", without_tests('const A: &str = "https://a";\nuse crate::a;\nconst B: &str = "//";\n'))


if __name__ == "__main__":
    unittest.main()
