"""What the parts of the page are made of."""

from __future__ import annotations

from datetime import date
from html import escape

import charts


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


def section(title: str, text: str, body: str, rows: list[dict]) -> str:
    return f"<section><h2>{escape(title)}</h2><p>{escape(text)}</p>{body if rows else '<p class=empty>Nothing yet.</p>'}</section>\n"


def week_label(week: str) -> str:
    day = date.fromisoformat(str(week))
    return f"{day.day} {day:%b}"
