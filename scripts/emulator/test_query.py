"""What scripts/query shows of texts that others wrote."""

import contextlib
import io
import json
import unittest

import query

HOSTILE = "a\tb\nc\x1b[31mred \x7f\x9b2J \u202etxt.exe\u2067 \u2028end"


def shown(write, rows, width=60):
    fields = [{"name": "title", "type": "STRING"}, {"name": "n", "type": "INTEGER"}]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        write(fields, rows, width)
    return out.getvalue()


class Shown(unittest.TestCase):
    def test_nothing_that_a_terminal_acts_on_passes(self):
        everything = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x11000)]))
        for write in (query.write_table, query.write_json):
            for text in (HOSTILE, everything):
                out = shown(write, [[text, 1]], 0)
                self.assertFalse([hex(ord(c)) for c in out.replace("\n", "") if query.acts_on_a_terminal(c)])
        self.assertIn("a\\tb\\nc\\u001b[31mred \\u007f\\u009b2J \\u202etxt.exe\\u2067 \\u2028end", shown(query.write_table, [[HOSTILE, 1]], 0))

    def test_json_has_the_same_values(self):
        self.assertEqual(json.loads(shown(query.write_json, [[HOSTILE, 1]]))[0]["title"], HOSTILE)

    def test_columns_stay_aligned_with_wide_characters(self):
        out = shown(query.write_table, [["plain", 1], ["世界 👍", 22], ["e\u0301te\u0301", 333]])
        lines = out.splitlines()[:-1]
        self.assertEqual({query.columns(line) for line in lines}, {query.columns(lines[0])}, out)
        self.assertEqual(query.shorten("世界世界", 6), "世界…")
        self.assertEqual(query.shorten("longer", 5), "long…")


if __name__ == "__main__":
    unittest.main()
