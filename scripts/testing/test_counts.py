"""The numbers of the last line are those of the test programs."""

from __future__ import annotations

import unittest

from counts import Counts

LIBTEST = """
running 4 tests
test sync::a_test ... ok <1.234s>
test sync::slow ... ignored, slow: scripts/test --slow
test dbt::waits has been running for over 60 seconds
test dbt::waits ... ok <61.000s>
test dbt::fails ... FAILED <0.100s>

failures:

---- dbt::fails stdout ----
test looks like one ... but is a sentence

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 3 filtered out; finished in 61.10s
"""


class Numbers(unittest.TestCase):
    def test_rust(self):
        counts = Counts.of_rust(LIBTEST)
        self.assertEqual((counts.passed, counts.failed, counts.skipped), (2, 1, ["sync::slow (slow: scripts/test --slow)"]))
        self.assertEqual((max(counts.times), counts.failures), ((61.0, "dbt::waits"), ["dbt::fails"]))

    def test_python(self):
        counts = Counts.of_python("Ran 12 tests in 0.1s\n\nOK (skipped=2)\nmore\nRan 1 test in 3.0s\n\nFAILED (failures=1)\n")
        # The step itself is a check, too.
        self.assertEqual((counts.passed, counts.failed, len(counts.skipped)), (11, 1, 2))

    def test_rounds_and_measurements(self):
        counts = Counts.of_rounds("chaos with seed 7\ngitlab      1  ok  12.3 s\nkills       1  FOUND  4.0 s\n")
        self.assertEqual((counts.passed, counts.failed, counts.failures), (1, 1, ["kills       1"]))
        counts = Counts.of_measurements("measuring idle …\nmeasuring start …\nerror: start: it did not\n")
        self.assertEqual((counts.passed, counts.failed), (1, 1))


if __name__ == "__main__":
    unittest.main()
