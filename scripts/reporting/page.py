"""The report as one HTML page. All that comes from GitLab is escaped: titles and names are other people's text."""

from __future__ import annotations

from datetime import date, timedelta
from html import escape

import charts
from delivery import PARTS, flow, four_keys, funnel, legend, open_work
from questions import WEEKS
from sections import figure, section, week_label
from style import STYLE


def page(answers: dict[str, list[dict]], now: str) -> str:
    """The whole document; `answers` holds the rows of questions.QUESTIONS."""
    totals = answers["totals"][0]
    sections = [
        cycle_time(answers["cycle_time"]), flow(answers["flow"]), open_work(answers["open_work"]), funnel(answers["funnel"], answers.get("deployed")), four_keys(answers),
        review_load(answers["review_load"]), risk(answers["risk"], answers["open"]), pipelines(answers["pipelines"]),
    ]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>How we build</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<header><h1>How we build</h1>
<p>{totals['merge_requests']:,} merge requests in {totals['projects']:,} projects, as of {escape(str(totals['synced_at'])[:16])} UTC. Written {escape(now)}.</p></header>
{headline(answers)}
{''.join(sections)}
<footer>The last {WEEKS} weeks, Monday to Sunday, UTC; this week is not over. Merge requests of bots are left out of times. Point at a bar for its figures.
Queries: models/README.md.</footer>
</main>
</body>
</html>
"""


def with_every_week(rows: list[dict], blank: dict, today: date, count: int) -> list[dict]:
    """The rows of the last `count` weeks, this one included; a week that has none gets `blank`. Nothing at all stays nothing."""
    by_week = {str(row["week"]): row for row in rows}
    monday = today - timedelta(days=today.weekday())
    weeks = [str(monday - timedelta(weeks=back)) for back in reversed(range(count))]
    return [by_week.get(week, {"week": week} | blank) for week in weeks] if rows else []


def headline(answers: dict[str, list[dict]]) -> str:
    """Four figures of the last four full weeks beside those of the four before."""
    weeks = answers["cycle_time"][:-1]
    recent, before = weeks[-4:], weeks[-8:-4]
    runs = answers["pipelines"][:-1]
    medians = {row["period"]: row["median_hours"] for row in answers["medians"]}

    def weighted(rows, column):
        count = sum(row["ended"] for row in rows)
        return sum(row[column] * row["ended"] for row in rows) / count if count else None

    def failure(rows):
        finished = sum(row["finished"] for row in rows)
        return 100 * sum(row["failed"] for row in rows) / finished if finished else None

    figures = [
        ("merged a week", mean([row["ended"] for row in recent]), mean([row["ended"] for row in before]), "", 1),
        ("median cycle time", medians.get(0), medians.get(1), " h", -1),
        ("until the first review", weighted(recent, "to_first_review"), weighted(before, "to_first_review"), " h", -1),
        ("failed pipelines", failure(runs[-4:]), failure(runs[-8:-4]), " %", -1),
    ]
    return '<section class="figures">' + "".join(figure(*values) for values in figures) + "</section>"


def cycle_time(rows: list[dict]) -> str:
    labels = [week_label(row["week"]) for row in rows]
    series = [(name, colour, [row[column] for row in rows]) for name, colour, column in PARTS]
    return section("Cycle time by week", "Mean hours from opening to merge, and where they went.", charts.stacked_bars(labels, series, "h", ("median", [row["median_hours"] for row in rows])) + legend(PARTS, '<span><i class="stroke"></i>median</span>'), rows)


def review_load(rows: list[dict]) -> str:
    bars = [(row["username"], row["reviewed"], f"{counted(row['comments'], 'comment')}, {counted(row['approvals'], 'approval')}" + (f", {row['waiting']} waiting" if row["waiting"] else "")) for row in rows]
    return section("Review load", "Other people's merge requests reviewed in the last four weeks and this one, and requests that still wait.", charts.bars(bars), rows)


def risk(rows: list[dict], counts: list[dict]) -> str:
    by_label = {row["label"]: row["n"] for row in counts}
    summary = ", ".join(f"{by_label.get(label, 0)} {label.lower()}" for label in ("High", "Medium", "Low"))
    cells = "".join(
        f"<tr><td class=\"score {escape(row['label'].lower())}\"><b>{row['score']:.0f}</b><i style=\"width:{row['score']:.0f}%\"></i></td>"
        f"<td>{link(row)}<small>{escape(row['title'])}</small></td><td>{escape(row['author_username'] or 'deleted user')}</td><td>{escape(', '.join(reasons(row)) or '–')}</td></tr>"
        for row in rows
    )
    return section("Riskiest open merge requests", f"Of all open ones, {summary} risk.", f"<table class=\"risk\"><thead><tr><th>score</th><th>merge request</th><th>author</th><th>why</th></tr></thead><tbody>{cells}</tbody></table>", rows)


def reasons(row: dict) -> list[str]:
    found = []
    if row["has_conflicts"]:
        found.append("conflicts")
    if row["has_changes_requested"]:
        found.append("changes requested")
    if row["last_pipeline_status_is_fail"]:
        found.append("pipeline failed")
    if row["approvals_left"]:
        found.append(f"{counted(row['approvals_left'], 'approval')} missing")
    if row["unresolved"]:
        found.append(counted(row["unresolved"], "unresolved thread"))
    # GitLab's reason for not merging is then none of these.
    if row["is_merge_blocked"] and not row["unresolved"]:
        found.append("GitLab blocks the merge")
    if row["size"] in ("L", "XL"):
        found.append(f"size {row['size']}")
    if row["age_hours"] >= 72:
        found.append(f"{row['age_hours'] / 24:.0f} days old")
    if row["labels_sensitive"]:
        found.append("sensitive label")
    if row["work_in_progress"]:
        found.append("draft")
    return found


def counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def link(row: dict) -> str:
    text = escape(f"{row['project_path'] or ''}!{row['iid']}")
    url = row["web_url"] or ""
    # Another scheme would run in the reader's browser.
    return f'<a href="{escape(url)}">{text}</a>' if url.startswith(("https://", "http://")) else text


def pipelines(rows: list[dict]) -> str:
    rates = [row["failed"] / row["finished"] if row["finished"] else None for row in rows]
    chart = charts.line_chart([week_label(row["week"]) for row in rows], "failed", rates, [f"{row['failed']} of {row['finished']}" for row in rows])
    return section("Pipeline failure rate", "Failed among those that succeeded or failed, by the week in which they began.", chart, rows)


def mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
