"""What the worker makes of a dbt whose insides are not those that it knows."""

import types
import unittest

import shortcuts


class Insides:
    def write(self, path):
        return path

    @classmethod
    def found(cls):
        return []


class Expected(unittest.TestCase):
    def test_what_is_as_it_was_is_returned(self):
        self.assertIs(shortcuts.expect(Insides, "write", ["self", "path"]), Insides.write)
        self.assertEqual(shortcuts.expect(Insides, "found", [])(), [])
        shortcuts.expect(Insides, "write", ["self", ...])
        shortcuts.expect(Insides, "write", ...)

    def test_what_is_missing_or_takes_something_else_is_named(self):
        for name, parameters, words in [
            ("gone", ..., "Insides has no gone"),
            ("write", ["self"], "Insides.write takes"),
            ("write", ["self", "path", "mode"], "Insides.write takes"),
            ("write", ["self", "target", ...], "Insides.write takes"),
        ]:
            taken = shortcuts.Shortcuts()
            self.assertFalse(taken.attempt(lambda: shortcuts.expect(Insides, name, parameters)))
            self.assertEqual(len(taken.problems), 1)
            self.assertIn(words, taken.problems[0])

    def test_nothing_is_prepared_for_a_version_that_is_not_known(self):
        taken = shortcuts.Shortcuts()
        shortcuts.dbt_version = lambda: "1.99.0"
        taken.take()
        self.assertIn("1.99.0", taken.problems[-1])
        taken.project_parsed(types.SimpleNamespace(macros={"a": 1}))
        self.assertEqual(taken.later, [])


if __name__ == "__main__":
    unittest.main()
