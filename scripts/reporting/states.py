"""Every state that the report can show, as made-up answers: on no day does it depend on the data what a test has seen."""

from __future__ import annotations

from datetime import date, timedelta

from questions import WEEKS

MONDAY = date(2027, 1, 4)  # The first week of a year, whose neighbours are in another.
# Nothing in them breaks a line, and some letters are wider than others.
LONG = {"latin": "W" * 255, "chinese": "世" * 255, "german": "Donaudampfschifffahrtsgesellschaftskapitän" * 6}
# What the four figures say of a change; `none` is a week before which there was nothing.
CHANGES = {"better": -1, "worse": 1, "same": 0, "none": None}


def states() -> dict[str, tuple[dict[str, list[dict]], dict]]:
    """Answers by name, each with what the page must show of them: charts, rows of the table, and classes of what changed."""
    found = {}
    for name, direction in CHANGES.items():
        kinds = {"better": ["good"], "worse": ["worse"], "same": ["same"], "none": []}[name]
        found[name] = answers(weeks(direction), people(3), risks(3)), {"charts": 3, "rows": 3, "kinds": kinds}
    found["empty"] = answers(([], []), [], []), {"charts": 0, "rows": 0, "kinds": []}
    found["one"] = answers(weeks(None, only_last=True), people(1), risks(1)), {"charts": 3, "rows": 1, "kinds": []}
    found["many"] = answers(weeks(1, scale=1_000), people(15, 10_000), risks(15)), {"charts": 3, "rows": 15, "kinds": ["worse"]}
    for name, text in LONG.items():
        found[f"long-{name}"] = answers(weeks(-1), people(3, named=text), risks(3, named=text)), {"charts": 3, "rows": 3, "kinds": ["good"]}
    return found


def weeks(direction: int | None, scale: int = 1, only_last: bool = False) -> tuple[list[dict], list[dict]]:
    """Weeks of merge requests and of pipelines, in which each of the four figures went in `direction`."""
    merged, pipelines = [], []
    for back in reversed(range(WEEKS)):
        week, is_before = str(MONDAY - timedelta(weeks=back)), 5 <= back <= 8
        # What is better takes fewer hours and fails less often, and there is more of it.
        hours = (20.0 - 6 * (direction or 0) if is_before else 20.0) * scale
        is_blank = direction is None and back > 4 or only_last and back
        merged.append({"week": week, "ended": 0 if is_blank else 8 + 4 * (direction or 0) * is_before, "to_first_review": 0 if is_blank else hours / 4, "in_review": 0 if is_blank else hours / 4,
                       "to_merge": 0 if is_blank else hours / 4, "without_review": 0 if is_blank else hours / 4, "median_hours": None if is_blank else hours})
        pipelines.append({"week": week, "finished": 0 if is_blank else 10 * scale, "failed": 0 if is_blank else (5 - 2 * (direction or 0) * is_before) * scale})
    return merged, pipelines


def people(count: int, scale: int = 1, named: str = "") -> list[dict]:
    return [{"username": f"{named or 'person'}{number}", "reviewed": (count - number) * scale, "comments": 12 * scale, "approvals": 3 * scale, "waiting": number * scale} for number in range(count)]


def risks(count: int, named: str = "") -> list[dict]:
    """Merge requests of each label in turn; the second has no reason, no author and no address."""
    rows = []
    for number in range(count):
        label, is_bare = ("High", "Medium", "Low")[number % 3], number % 3 == 1
        rows.append({
            "project_path": None if is_bare else named or "acme/api", "iid": 11 + number, "title": named or "Add a thing", "web_url": None if is_bare else f"https://gitlab.example/{number}",
            "author_username": None if is_bare else named or "ann", "score": {"High": 100, "Medium": 50, "Low": 0}[label], "label": label, "age_hours": 0 if is_bare else 24 * 400,
            "last_pipeline_status_is_fail": not is_bare, "approvals_left": 0 if is_bare else 2, "size": None if is_bare else "XL", "labels_sensitive": not is_bare, "work_in_progress": not is_bare,
        })
    return rows


def answers(weeks: tuple[list[dict], list[dict]], load: list[dict], risk: list[dict]) -> dict[str, list[dict]]:
    labels = [row["label"] for row in risk]
    return {
        "cycle_time": weeks[0], "pipelines": weeks[1], "review_load": load, "risk": risk, "open": [{"label": label, "n": labels.count(label)} for label in sorted(set(labels))],
        "totals": [{"projects": 1, "merge_requests": 1, "synced_at": "2027-01-04 10:00:00"}],
    }
