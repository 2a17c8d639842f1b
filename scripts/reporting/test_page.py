"""A week in which nothing happened is a week, and this one is not over."""

from __future__ import annotations

import sys
import unittest
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from charts import line_chart, stacked_bars
from page import headline, with_every_week
from questions import BLANK_WEEKS


class Weeks(unittest.TestCase):
    def test_every_week_is_there_once(self):
        rows = [{"week": "2025-12-15", "finished": 9, "failed": 9}, {"week": date(2025, 12, 29), "finished": 4, "failed": 1}]
        weeks = with_every_week(rows, BLANK_WEEKS["pipelines"], date(2026, 1, 11), 3)
        self.assertEqual([(str(row["week"]), row["finished"]) for row in weeks], [("2025-12-22", 0), ("2025-12-29", 4), ("2026-01-05", 0)])
        self.assertEqual(with_every_week([], BLANK_WEEKS["pipelines"], date(2026, 1, 11), 3), [])

    def test_figures_are_of_whole_weeks(self):
        # Nothing was merged this week yet, and nothing in one of the four before.
        merged = [{"week": f"2026-02-{day:02}", "ended": 8, "to_first_review": 2, "median_hours": 30.0} for day in (2, 9, 16)]
        pipelines = [{"week": "2026-02-02", "finished": 4, "failed": 1}]
        today = date(2026, 3, 2)
        answers = {"cycle_time": with_every_week(merged, BLANK_WEEKS["cycle_time"], today, 13),
                   "pipelines": with_every_week(pipelines, BLANK_WEEKS["pipelines"], today, 13), "medians": [{"period": 0, "median_hours": 30.0}]}
        html = headline(answers)
        for figure in ("<b>6</b><span>merged a week", "<b>30 h</b><span>median cycle time", "<b>2 h</b><span>until the first review", "<b>25 %</b><span>failed"):
            self.assertIn(figure, html)

    def test_a_gap_is_a_gap(self):
        for chart in (line_chart(["a", "b", "c"], "failed", [0.5, None, 0.25], ["", "", ""]),
                      stacked_bars(["a", "b", "c"], [("x", "wait", [1.0, 0, 2.0])], "h", ("median", [1.0, None, 2.0]))):
            self.assertEqual((chart.count("<polyline"), chart.count("<circle")), (2, 2))


if __name__ == "__main__":
    unittest.main()
