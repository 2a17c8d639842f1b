"""Public functions that do not document their errors are found, and nothing else; so are the types of a file."""

from __future__ import annotations

import unittest

from public_items import types, without_errors


class PublicItems(unittest.TestCase):
    def test_who_can_fail_has_to_say_when(self):
        for fallible in ("pub fn f() -> Result<(), Error> {}", "pub async fn f(\n    a: u8,\n) -> Result<Vec<u8>, E> {}", "pub(super) fn f() -> BoxFuture<'a, Result<u8, E>>;"):
            self.assertEqual(without_errors(f"/// Does it.\n{fallible}\n"), ["f"], fallible)
            self.assertEqual(without_errors(f"/// Does it.\n///\n/// # Errors\n/// If not.\n#[must_use]\n{fallible}\n"), [], fallible)

    def test_who_cannot_fail_is_private_or_a_test_need_not(self):
        for other in ("pub fn f(check: impl Fn(&T) -> Result<(), String> + 'static) -> Self {}", "fn f() -> Result<(), E> {}", "pub fn f() {}",
                      "#[cfg(test)]\nmod tests { pub fn f() -> Result<(), E> {} }"):
            self.assertEqual(without_errors(f"/// Does it.\n{other}\n"), [], other)

    def test_types_are_those_that_are_compiled(self):
        text = 'pub struct A;\nenum B { X }\npub(crate) type C<T> = Vec<T>;\n// struct D;\nconst E: &str = "\nstruct E;";\n#[cfg(test)]\nmod tests { struct F; }\n'
        self.assertEqual(types(text), {"A", "B", "C"})


if __name__ == "__main__":
    unittest.main()
