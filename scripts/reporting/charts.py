"""Charts as inline SVG: no script, no font, nothing to load. Colours are CSS variables of the page."""

from __future__ import annotations

import math
import unicodedata
from html import escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 760, 260, 62, 28, 12


def stacked_bars(labels: list[str], series: list[tuple[str, str, list[float]]], unit: str, line: tuple[str, list[float | None]] | None = None) -> str:
    """Bars of parts that add up; `series` holds name, colour and values, `line` a name and values of the same unit, None
    for a gap."""
    totals = [sum(values[i] for _, _, values in series) for i in range(len(labels))]
    top, step = scale(max([*totals, *(value for value in (line[1] if line else []) if value is not None)], default=0))
    parts = axes(labels, top, step, unit)
    slot = (WIDTH - LEFT) / max(len(labels), 1)
    for i, label in enumerate(labels):
        y = HEIGHT - BOTTOM
        for name, colour, values in series:
            height = values[i] / top * (HEIGHT - BOTTOM - TOP)
            y -= height
            if height > 0:
                parts.append(f'<rect x="{LEFT + i * slot + slot * 0.16:.1f}" y="{y:.1f}" width="{slot * 0.68:.1f}" height="{height:.1f}" fill="var(--{colour})">'
                             f"<title>{escape(label)}: {escape(name)} {number(values[i])} {escape(unit)}</title></rect>")
    if line:
        for run in runs(line[1], top):
            parts.append(f'<polyline class="line" points="{" ".join(f"{x:.1f},{y:.1f}" for _, x, y in run)}"/>')
            parts += [f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3.2"><title>{escape(labels[i])}: {escape(line[0])} {number(line[1][i])} {escape(unit)}</title></circle>'
                      for i, x, y in run]
    return svg(parts, HEIGHT)


def line_chart(labels: list[str], name: str, values: list[float | None], notes: list[str]) -> str:
    """A share by week, in percent; a week without a value leaves a gap."""
    top, step = scale(max([value for value in values if value is not None], default=0) * 100)
    parts = axes(labels, top, step, "%")
    for run in runs([None if value is None else value * 100 for value in values], top):
        floor = HEIGHT - BOTTOM
        path = " ".join(f"{x:.1f},{y:.1f}" for _, x, y in run)
        parts.append(f'<polygon class="area" points="{run[0][1]:.1f},{floor} {path} {run[-1][1]:.1f},{floor}"/><polyline class="bad line" points="{path}"/>')
        parts += [f'<circle class="bad dot" cx="{x:.1f}" cy="{y:.1f}" r="3.2"><title>{escape(labels[i])}: {escape(name)} {values[i] * 100:.1f} % ({escape(notes[i])})</title></circle>'
                  for i, x, y in run]
    return svg(parts, HEIGHT)


def runs(values: list[float | None], top: float) -> list[list[tuple[int, float, float]]]:
    """Where the dots of a line are: index and place of each, in runs without a gap."""
    slot = (WIDTH - LEFT) / max(len(values), 1)
    found: list[list[tuple[int, float, float]]] = [[]]
    for i, value in enumerate(values):
        if value is None:
            found.append([])
        else:
            found[-1].append((i, LEFT + (i + 0.5) * slot, HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - TOP)))
    return [run for run in found if run]


def bars(rows: list[tuple[str, float, str]]) -> str:
    """Horizontal bars of name, value and a note behind it."""
    most = max([value for _, value, _ in rows], default=0) or 1
    lines = []
    for i, (name, value, note) in enumerate(rows):
        y, width = i * 26, value / most * 180
        # The number stands before its bar, where a phone shows it, too.
        lines.append(f'<text class="name" x="150" y="{y + 17}" text-anchor="end">{escape(cut(name, 142))}<title>{escape(name)}</title></text>'
                     f'<text class="name" x="204" y="{y + 17}" text-anchor="end">{number(value)}</text>'
                     f'<rect x="212" y="{y + 4}" width="{width:.1f}" height="18" rx="3" fill="var(--review)"><title>{escape(name)}: {number(value)}</title></rect>'
                     + (f'<text x="{220 + width:.1f}" y="{y + 17}">{escape(note)}</text>' if note else ""))
    return svg(lines, max(len(rows), 1) * 26, shown_first="names")


def cut(text: str, most: float) -> str:
    """As much of a name as fits into `most` pixels: its letters are 12 pixels high, and no font's are wider than these."""
    width = 0.0
    for place, letter in enumerate(text):
        width += 12.5 if letter in "WM@" or unicodedata.east_asian_width(letter) in "WF" else 8.5
        if width > most:
            return text[:place] + "…"
    return text


def axes(labels: list[str], top: float, step: float, unit: str) -> list[str]:
    parts, value = [], 0.0
    while value <= top + 1e-9:
        y = HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - TOP)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/><text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{number(value)}{"" if value else " " + escape(unit)}</text>')
        value += step
    slot = (WIDTH - LEFT) / max(len(labels), 1)
    every = math.ceil(len(labels) / 13) or 1
    parts += [f'<text x="{LEFT + (i + 0.5) * slot:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(label)}</text>' for i, label in enumerate(labels) if i % every == 0]
    return parts


def scale(most: float) -> tuple[float, float]:
    """The end of an axis that holds `most`, and a step between its lines, in round numbers."""
    if most <= 0:
        return 1.0, 1.0
    rough = most / 4
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    return math.ceil(most / step) * step, step


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.1f}"


def svg(parts: list[str], height: float, shown_first: str = "newest") -> str:
    """A chart in a frame, in which a phone scrolls it: shrunk to its width nobody could read the letters."""
    return f'<div class="chart {shown_first}"><svg viewBox="0 0 {WIDTH} {height}" role="img">{"".join(parts)}</svg></div>'
