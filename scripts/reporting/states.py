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
    seen = {"sections": 8, "charts": 5, "figures": 8, "rows": 3, "groups": 14, "nothing": 0, "kinds": []}
    for name, direction in CHANGES.items():
        kinds = {"better": ["good"], "worse": ["worse"], "same": ["same"], "none": []}[name]
        found[name] = answers(weeks(direction), people(3), risks(3), delivery(3, direction)), seen | {"kinds": kinds}
    found["empty"] = answers(([], []), [], [], delivery(-1, None)), {"sections": 8, "charts": 0, "figures": 4, "rows": 0, "groups": 0, "nothing": 8, "kinds": []}
    found["one"] = answers(weeks(None, only_last=True), people(1), risks(1), delivery(0, None)), seen | {"rows": 1, "groups": 2}
    found["many"] = answers(weeks(1, scale=1_000), people(15, 10_000), risks(15), delivery(12, 1, scale=10_000)), seen | {"rows": 15, "groups": 50, "kinds": ["worse"]}
    # Deployments are not synced.
    found["without"] = answers(weeks(-1), people(3), risks(3), delivery(3, None, is_deployed=False)), seen | {"sections": 7, "charts": 4, "figures": 4, "groups": 11, "kinds": ["good"]}
    for name, text in LONG.items():
        found[f"long-{name}"] = answers(weeks(-1), people(3, named=text), risks(3, named=text), delivery(3, -1, named=text)), seen | {"kinds": ["good"]}
    return found


def weeks(direction: int | None, scale: int = 1, only_last: bool = False) -> tuple[list[dict], list[dict]]:
    """Weeks of merge requests and of pipelines, in which each of the four figures went in `direction`."""
    merged, pipelines = [], []
    for back in reversed(range(WEEKS)):
        week, is_before = str(MONDAY - timedelta(weeks=back)), 5 <= back <= 8
        # What is better takes fewer hours and fails less often, and there is more of it.
        hours = (20.0 - 6 * (direction or 0) if is_before else 20.0) * scale
        is_blank = direction is None and back > 4 or only_last and back
        merged.append({"week": week, "ended": 0 if is_blank else 8 + 4 * (direction or 0) * is_before, "before_ready": 0 if is_blank else hours / 8, "to_first_review": 0 if is_blank else hours / 4, "in_review": 0 if is_blank else hours / 4,
                       "to_merge": 0 if is_blank else hours / 4, "without_review": 0 if is_blank else hours / 4, "median_hours": None if is_blank else hours})
        pipelines.append({"week": week, "finished": 0 if is_blank else 10 * scale, "failed": 0 if is_blank else (5 - 2 * (direction or 0) * is_before) * scale})
    return merged, pipelines


def medians(weeks: list[dict]) -> list[dict]:
    """Of the last four whole weeks and the four before, where a week has one."""
    found = ((period, [row["median_hours"] for row in weeks[-5 - 4 * period:][:4] if row["median_hours"] is not None]) for period in (0, 1))
    return [{"period": period, "median_hours": hours[0]} for period, hours in found if hours]


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
            "has_conflicts": not is_bare, "has_changes_requested": not is_bare, "unresolved": 0 if is_bare else 3, "is_merge_blocked": not is_bare,
        })
    return rows


def delivery(count: int, direction: int | None, scale: int = 1, named: str = "", is_deployed: bool = True) -> dict[str, list[dict]]:
    """Everything and `count` groups on their way into production, none of it if negative; the last group has only silent parts."""
    scopes = ["all", *(f"{named or 'acme/team'}{number}" for number in range(count))] if count >= 0 else []
    flow, funnel, keys, open_work = [], [], [], []
    for place, scope in enumerate(scopes):
        is_bare = place == count and count > 0
        flow.append({"scope_type": "group" if place else "all", "scope_path": scope, "merged": 1 if is_bare else 40 * scale, "hours": 0 if is_bare else 500 * scale,
                     **{part: 0 if is_bare else 100 * scale for part in ("before_ready", "to_first_review", "in_review", "to_merge", "without_review")},
                     "merged_without_review": 0 if is_bare else scale, "pushes_after_review": 0 if is_bare else 2 * scale, "reverts": 0 if is_bare else scale})
        funnel.append({"scope": scope, "opened": 60 * scale} | {step: 0 if is_bare else count * scale for step, count in (("ready", 55), ("reviewed", 45), ("approved", 40), ("merged", 41))})
        open_work.append({"scope": scope, "open_count": 7 * scale, "open_before": None if is_bare else 5 * scale, "median_age_hours": None if is_bare else 30.0 * scale,
                          "longest_age_hours": None if is_bare else 2000.0})
        for period in (0, 1) if direction is not None else (0,):
            worse = (direction or 0) * period
            hours = None if is_bare else (30.0 - 9 * worse) * scale
            keys.append({"scope": scope, "period": period, "releases": 0 if is_bare else (16 + 8 * worse) * scale, "failed": 0 if is_bare else (4 - worse) * scale,
                         "changes": 30, "from_commit": hours, "from_merge": hours, "restored": 2, "to_restore": hours})
    found = {"flow": flow, "funnel": funnel, "open_work": open_work}
    if is_deployed:
        # Fewest in production of all steps, and none in that of the last group.
        found |= {"deployed": [{"scope": scope, "deployed": 30 * scale} for scope in scopes[: len(scopes) - (count > 0)]], "four_keys": keys,
                  "releases": [{"week": str(MONDAY - timedelta(weeks=back)), "held": 4 * scale, "failed": scale} for back in reversed(range(WEEKS))] if scopes else []}
    return found


def answers(weeks: tuple[list[dict], list[dict]], load: list[dict], risk: list[dict], delivery: dict[str, list[dict]]) -> dict[str, list[dict]]:
    labels = [row["label"] for row in risk]
    return {
        "cycle_time": weeks[0], "medians": medians(weeks[0]), "pipelines": weeks[1], "review_load": load, "risk": risk, "open": [{"label": label, "n": labels.count(label)} for label in sorted(set(labels))],
        "totals": [{"projects": 1, "merge_requests": 1, "synced_at": "2027-01-04 10:00:00"}],
    } | delivery
