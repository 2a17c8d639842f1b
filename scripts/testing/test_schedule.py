"""What fails is counted, what depends on it does not begin, and nothing runs on."""

from __future__ import annotations

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

from counts import Counts
from schedule import Job, Schedule


def run(jobs: list[Job], only: list[str] | None = None):
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as shown:
        results = Schedule(jobs, only or [], 2, Path(folder), {}).run()
    return {result.job.name: result for result in results}, shown.getvalue()


class Steps(unittest.TestCase):
    def test_a_failed_step_is_shown_and_holds_back_what_needs_it(self):
        results, shown = run([
            Job("bad", ["sh", "-c", "echo it broke; exit 3"]), Job("after", ["true"], after=("bad",)), Job("other", ["true"]),
        ])
        self.assertEqual((results["bad"].status, results["after"].status, results["other"].status), (3, None, 0))
        self.assertEqual((results["bad"].counts.failed, results["other"].counts.passed), (1, 1))
        self.assertIn("it broke", shown)

    def test_what_a_step_finds_to_do_is_done(self):
        results, _ = run([Job("build", ["echo", "x"], then=lambda output: [Job(f"test {output.strip()}", ["true"], after=("build",))], count=Counts.of_preparation)])
        self.assertEqual(sorted(results), ["build", "test x"])

    def test_only_what_was_asked_for_is_done_and_what_it_needs(self):
        jobs = [Job("build", ["true"], prepares=True), Job("lint", ["true"], after=("build", "format")), Job("format", ["true"])]
        self.assertEqual(sorted(run(jobs, ["lint"])[0]), ["build", "lint"])

    def test_processors_are_not_asked_for_more_than_they_are(self):
        with tempfile.TemporaryDirectory() as folder:
            mark = Path(folder) / "busy"
            alone = f"test ! -e {mark} && touch {mark} && sleep 0.2 && rm {mark}"
            results, _ = run([Job(name, ["sh", "-c", alone], weight=1.2) for name in ("one", "two", "three")])
            self.assertTrue(all(result.passed for result in results.values()))


if __name__ == "__main__":
    unittest.main()
