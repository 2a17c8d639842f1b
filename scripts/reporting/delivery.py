"""The parts of the page about the way from an opened merge request to production, for everything and group by group."""

from __future__ import annotations

from html import escape

import charts
from sections import figure, section, week_label

# What a cycle time is made of: words, colour, column.
PARTS = [("draft", "draft", "before_ready"), ("waiting for the first review", "wait", "to_first_review"), ("in review", "review", "in_review"),
         ("approved, not merged", "merge", "to_merge"), ("merged without review", "none", "without_review")]
STEPS = [("opened", "opened"), ("ready for review", "ready"), ("reviewed", "reviewed"), ("approved", "approved"), ("merged", "merged"), ("in production", "deployed")]


def four_keys(answers: dict[str, list[dict]]) -> str:
    """Deployment frequency, lead time, failures and restoring. Nothing where deployments are not synced."""
    if "four_keys" not in answers:
        return ""
    rows, weeks = answers["four_keys"], answers["releases"]
    recent = {row["scope"]: row for row in rows if row["period"] == 0}
    before = {row["scope"]: row for row in rows if row["period"] == 1}
    figures = '<div class="figures">' + "".join(
        figure(name, value(recent.get("all")), value(before.get("all")), unit, good)
        for name, unit, good, value in (
            ("releases a week", "", 1, lambda row: row["releases"] / 4 if row else None),
            ("from merge to production", " h", -1, lambda row: row and row["from_merge"]),
            ("failed releases", " %", -1, failure),
            ("to restore", " h", -1, lambda row: row and row["to_restore"]),
        )
    ) + "</div>"
    kinds = [("releases that held", "merge", "held"), ("failed releases", "bad", "failed")]
    chart = charts.stacked_bars([week_label(row["week"]) for row in weeks], [(name, colour, [row[column] for row in weeks]) for name, colour, column in kinds], "") + legend(kinds)
    body = table(("group", "releases a week", "from first commit", "from merge", "failed", "to restore"), [
        (scope, charts.number(row["releases"] / 4), hours(row["from_commit"]), hours(row["from_merge"]), "–" if failure(row) is None else f"{failure(row):.0f} %", hours(row["to_restore"]))
        for scope, row in recent.items() if scope != "all"
    ][:12])
    return section("Into production", "The four keys of DORA in the last four weeks: how often, how long from merge to production (median), how many releases failed, how long until restored (median).",
                   figures + chart + body, rows)


def failure(row: dict | None) -> float | None:
    return 100 * row["failed"] / row["releases"] if row and row["releases"] else None


def flow(rows: list[dict]) -> str:
    """Where the time went of what was merged in four weeks."""
    lines = [
        (
            "all" if row["scope_type"] == "all" else row["scope_path"] or "",
            charts.number(row["merged"]),
            bar(row),
            hours(row["hours"] / row["merged"]),
            # Time in which it did not just lie.
            "–" if not row["hours"] else f"{100 * (1 - (row['to_first_review'] + row['to_merge']) / row['hours']):.0f} %",
            rework(row),
        )
        for row in rows
    ]
    return section("Where it waits", "Hours from opening to merge of what was merged in the last four whole weeks, and the share of them in which somebody was at it.",
                   table(("group", "merged", "hours went to", "each", "flowing", "rework"), lines, raw=2) + legend(PARTS), rows)


def legend(kinds: list[tuple[str, str, str]], more: str = "") -> str:
    """What the colours of a chart mean."""
    return '<p class="legend">' + "".join(f'<span><i style="background:var(--{colour})"></i>{escape(name)}</span>' for name, colour, _ in kinds) + f"{more}</p>"


def open_work(rows: list[dict]) -> str:
    """What is open, and for how long."""
    lines = [
        (row["scope"], charts.number(row["open_count"]), "–" if row["open_before"] is None else charts.number(row["open_before"]), age(row["median_age_hours"]), age(row["longest_age_hours"]))
        for row in rows
    ]
    return section("What is open", "Merge requests that are open now and were four weeks ago, and for how long those of people have been open: half of them for less than the median.",
                   table(("group", "open", "four weeks ago", "median age", "oldest"), lines), rows)


def age(hours: float | None) -> str:
    return "–" if hours is None else f"{charts.number(hours)} h" if hours < 48 else f"{hours / 24:,.0f} days"


def bar(row: dict) -> str:
    """The parts of a row's hours beside each other; they add up to the whole."""
    total = sum(row[column] for _, _, column in PARTS) or 1
    return '<span class="parts">' + "".join(
        f'<i style="width:{100 * row[column] / total:.1f}%;background:var(--{colour})" title="{escape(name)}: {charts.number(row[column])} h"></i>' for name, colour, column in PARTS if row[column] > 0
    ) + "</span>"


def rework(row: dict) -> str:
    counts = ((row["pushes_after_review"], "push after review", "pushes after review"), (row["reverts"], "revert", "reverts"), (row["merged_without_review"], "not reviewed", "not reviewed"))
    return ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in counts if count) or "–"


def funnel(rows: list[dict], deployed: list[dict] | None) -> str:
    """What became of the merge requests opened in the time of the page."""
    steps = [step for step in STEPS if deployed is not None or step[1] != "deployed"]
    reached = {row["scope"]: row["deployed"] for row in deployed or []}
    rows = [row | {"deployed": reached.get(row["scope"], 0)} for row in rows]
    bars = [(name, row[column], "" if column == "opened" else f"{100 * row[column] / row['opened']:.0f} % of them") for row in rows if row["scope"] == "all" for name, column in steps]
    groups = [(row["scope"], *(charts.number(row[column]) for _, column in steps)) for row in rows if row["scope"] != "all"]
    return section("From open to production" if deployed is not None else "From open to merged", "Of the merge requests that people opened in these weeks, how many have come how far by now. One may be merged without a review.",
                   charts.bars(bars) + table(("group", *(name for name, _ in steps)), groups), rows)


def hours(value: float | None) -> str:
    return "–" if value is None else f"{charts.number(value)} h"


def table(heads: tuple[str, ...], lines: list[tuple[str, ...]], raw: int | None = None) -> str:
    """Rows of text; the column `raw` is HTML already. On a phone each cell says what it is."""
    if not lines:
        return ""
    cells = "".join(
        "<tr>" + "".join(f'<td data-name="{escape(heads[place])}">{text if place == raw else escape(text)}</td>' for place, text in enumerate(line)) + "</tr>" for line in lines
    )
    return f'<table class="groups"><thead><tr>{"".join(f"<th>{escape(head)}</th>" for head in heads)}</tr></thead><tbody>{cells}</tbody></table>'
