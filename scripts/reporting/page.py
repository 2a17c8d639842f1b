"""The report as one HTML page. All that comes from GitLab is escaped: titles and names are other people's text."""

from __future__ import annotations

from datetime import date, timedelta
from html import escape

import charts
from questions import WEEKS

PARTS = [("waiting for the first review", "wait", "to_first_review"), ("in review", "review", "in_review"),
         ("approved, not merged", "merge", "to_merge"), ("merged without review", "none", "without_review")]


def page(answers: dict[str, list[dict]], now: str) -> str:
    """The whole document; `answers` holds the rows of questions.QUESTIONS."""
    totals = answers["totals"][0]
    sections = [cycle_time(answers["cycle_time"]), review_load(answers["review_load"]), risk(answers["risk"], answers["open"]), pipelines(answers["pipelines"])]
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
<footer>Means of the last {WEEKS} weeks, Monday to Sunday, UTC; this week is not over. Point at a bar for its figures.
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

    def weighted(rows, column):
        count = sum(row["ended"] for row in rows)
        return sum(row[column] * row["ended"] for row in rows) / count if count else None

    def failure(rows):
        finished = sum(row["finished"] for row in rows)
        return 100 * sum(row["failed"] for row in rows) / finished if finished else None

    figures = [
        ("merged a week", mean([row["ended"] for row in recent]), mean([row["ended"] for row in before]), "", 1),
        ("median cycle time", mean([row["median_hours"] for row in recent]), mean([row["median_hours"] for row in before]), " h", -1),
        ("until the first review", weighted(recent, "to_first_review"), weighted(before, "to_first_review"), " h", -1),
        ("failed pipelines", failure(runs[-4:]), failure(runs[-8:-4]), " %", -1),
    ]
    return '<section class="figures">' + "".join(figure(*values) for values in figures) + "</section>"


def figure(name: str, value: float | None, before: float | None, unit: str, good: int) -> str:
    if value is None:
        return f"<div><b>–</b><span>{escape(name)}</span></div>"
    change = ""
    if before:
        percent = (value / before - 1) * 100
        kind = "same" if abs(percent) < 2 else "good" if percent * good > 0 else "worse"
        text = "as in the four weeks before" if kind == "same" else f"{'+' if percent > 0 else '−'}{abs(percent):.0f} % on the four weeks before"
        change = f'<i class="{kind}">{text}</i>'
    return f"<div><b>{charts.number(value)}{unit}</b><span>{escape(name)}</span>{change}</div>"


def cycle_time(rows: list[dict]) -> str:
    labels = [week_label(row["week"]) for row in rows]
    series = [(name, colour, [row[column] for row in rows]) for name, colour, column in PARTS]
    legend = "".join(f'<span><i style="background:var(--{colour})"></i>{escape(name)}</span>' for name, colour, _ in PARTS) + '<span><i class="stroke"></i>median</span>'
    return section("Cycle time by week", "Mean hours from opening to merge, and where they went.", charts.stacked_bars(labels, series, "h", ("median", [row["median_hours"] for row in rows])) + f'<p class="legend">{legend}</p>', rows)


def review_load(rows: list[dict]) -> str:
    bars = [(row["username"], row["reviewed"], f"{row['comments']} comments, {row['approvals']} approvals" + (f", {row['waiting']} waiting" if row["waiting"] else "")) for row in rows]
    return section("Review load", "Other people's merge requests reviewed in the last four weeks and this one, and requests that still wait.", charts.bars(bars), rows)


def risk(rows: list[dict], counts: list[dict]) -> str:
    by_label = {row["label"]: row["n"] for row in counts}
    summary = ", ".join(f"{by_label.get(label, 0)} {label.lower()}" for label in ("High", "Medium", "Low"))
    cells = "".join(
        f"<tr><td class=\"score {escape(row['label'].lower())}\"><b>{row['score']:.0f}</b><i style=\"width:{row['score']:.0f}%\"></i></td>"
        f"<td>{link(row)}<small>{escape(row['title'])}</small></td><td>{escape(row['author_username'] or 'deleted user')}</td><td>{escape(', '.join(reasons(row)) or '–')}</td></tr>"
        for row in rows
    )
    return section("Riskiest open merge requests", f"Of all open ones, {summary} risk.", f"<table><thead><tr><th>score</th><th>merge request</th><th>author</th><th>why</th></tr></thead><tbody>{cells}</tbody></table>", rows)


def reasons(row: dict) -> list[str]:
    found = []
    if row["last_pipeline_status_is_fail"]:
        found.append("pipeline failed")
    if row["approvals_left"]:
        found.append(f"{row['approvals_left']} approval{'s' if row['approvals_left'] > 1 else ''} missing")
    if row["size"] in ("L", "XL"):
        found.append(f"size {row['size']}")
    if row["age_hours"] >= 72:
        found.append(f"{row['age_hours'] / 24:.0f} days old")
    if row["labels_sensitive"]:
        found.append("sensitive label")
    if row["work_in_progress"]:
        found.append("draft")
    return found


def link(row: dict) -> str:
    text = escape(f"{row['project_path'] or ''}!{row['iid']}")
    url = row["web_url"] or ""
    # Another scheme would run in the reader's browser.
    return f'<a href="{escape(url)}">{text}</a>' if url.startswith(("https://", "http://")) else text


def pipelines(rows: list[dict]) -> str:
    rates = [row["failed"] / row["finished"] if row["finished"] else None for row in rows]
    chart = charts.line_chart([week_label(row["week"]) for row in rows], "failed", rates, [f"{row['failed']} of {row['finished']}" for row in rows])
    return section("Pipeline failure rate", "Failed among those that succeeded or failed, by the week in which they began.", chart, rows)


def section(title: str, text: str, body: str, rows: list[dict]) -> str:
    return f"<section><h2>{escape(title)}</h2><p>{escape(text)}</p>{body if rows else '<p class=empty>Nothing yet.</p>'}</section>\n"


def mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def week_label(week: str) -> str:
    day = date.fromisoformat(str(week))
    return f"{day.day} {day:%b}"


STYLE = """
:root{--page:#f6f7f9;--card:#fff;--ink:#1d2430;--soft:#5d6778;--grid:#e4e8ee;--wait:#e8a33d;--review:#3f7ee8;--merge:#38a37c;--good:#1f7a45;--none:#aab4c3;--bad:#cf4747;--area:#cf474722;--link:#2b62c4}
@media(prefers-color-scheme:dark){:root{--page:#12161d;--card:#1b212b;--ink:#e8ecf2;--soft:#9aa5b6;--grid:#2b3340;--wait:#d9963a;--review:#5b91ee;--merge:#45b38a;--good:#5fc58a;--none:#566173;--bad:#e46a6a;--area:#e46a6a2b;--link:#8db4f7}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Open Sans",sans-serif}
main{max-width:880px;margin:0 auto;padding:36px 20px}h1{margin:0;font-size:30px;letter-spacing:-.02em}header p,footer,section>p{color:var(--soft)}header p{margin:4px 0 22px}
section{background:var(--card);border-radius:12px;padding:20px 24px;margin:0 0 18px;box-shadow:0 1px 3px #0001}h2{margin:0;font-size:18px}section>p{margin:2px 0 14px}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(160px,1fr));gap:16px}.figures div{display:flex;flex-direction:column}.figures b{font-size:28px;letter-spacing:-.02em}.figures span{color:var(--soft)}.figures i{font-style:normal;font-size:13px}
.good{color:var(--good)}.worse{color:var(--bad)}.same{color:var(--soft)}
/* Right to left, so that a frame too narrow shows the newest week first. */
.chart{overflow-x:auto}.newest{direction:rtl}.newest svg{direction:ltr}svg{width:100%;min-width:740px;height:auto;display:block}svg text{font-size:12px;fill:var(--soft)}svg .name{fill:var(--ink)}.grid{stroke:var(--grid)}.line{fill:none;stroke:var(--ink);stroke-width:2}.dot{fill:var(--card);stroke:var(--ink);stroke-width:2}.bad.line,.bad.dot{stroke:var(--bad)}.area{fill:var(--area)}
.legend{display:flex;flex-wrap:wrap;gap:6px 18px;margin:10px 0 0;font-size:13px}.legend i{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:6px}.legend .stroke{height:2px;background:var(--ink);vertical-align:middle}
section{overflow-x:auto}table{width:100%;border-collapse:collapse;font-size:14px}th{text-align:left;color:var(--soft);font-weight:500;font-size:13px}td{overflow-wrap:anywhere}td,th{padding:7px 10px 7px 0;border-bottom:1px solid var(--grid);vertical-align:top}small{display:block;color:var(--soft);overflow-wrap:anywhere}a{color:var(--link);text-decoration:none}
.score{width:86px}.score i{display:block;height:4px;border-radius:2px;background:var(--merge)}.score.medium i{background:var(--wait)}.score.high i{background:var(--bad)}
@media(max-width:600px){.figures{grid-template-columns:1fr 1fr}thead{display:none}tr{display:grid;grid-template-columns:64px 1fr;padding:8px 0;border-bottom:1px solid var(--grid)}td{border:0;padding:1px 0}td+td{grid-column:2}td.score{width:52px}}
footer{font-size:13px}@media print{body{background:#fff}section{box-shadow:none;break-inside:avoid}}
"""
