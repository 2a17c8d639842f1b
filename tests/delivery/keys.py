"""The four keys of DORA against what the simulated GitLab knows, because it made it (`GET /_sim/delivery`)."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from statistics import median

from figures import Raw
from warehouse import Warehouse

COUNTS = {
    "releases_count": "releases", "rollbacks_count": "rollbacks", "failed_releases_count": "failed_releases", "incidents_count": "incidents",
}


def numbers(days: list[dict]) -> dict:
    """What a row of the marts has to say of these days together."""
    together = {column: sum(day[name] for day in days) for column, name in COUNTS.items()}
    changes = [change for day in days for change in day["changes"]]
    by_people = [change for change in changes if not change["is_by_bot"]]
    restored = [seconds for day in days for seconds in day["restored_seconds"]]
    releases = together["releases_count"]
    return together | {
        "changes_count": len(changes),
        "median_hours_from_first_commit_to_deployment": hours([change["seconds_from_first_commit"] for change in by_people]),
        "median_hours_from_first_review_to_deployment": hours([change["seconds_from_first_review"] for change in by_people]),
        "median_hours_from_merge_to_deployment": hours([change["seconds_from_merge"] for change in by_people]),
        "change_failure_rate": together["failed_releases_count"] / releases if releases else None,
        "restored_incidents_count": len(restored),
        "median_hours_to_restore": hours(restored),
    }


def hours(seconds: list[float | None]) -> float | None:
    known = [value for value in seconds if value is not None]
    return median(known) / 3600 if known else None


def differences(warehouse: Warehouse, delivery: list[dict], raw: Raw) -> list[str]:
    """Where marts and truth disagree."""
    days = {(entry["project"], entry["day"]): entry["known"] for entry in delivery}
    return daily(warehouse, days) + weekly(warehouse, days, raw) + listed(warehouse, days) + cohorts(warehouse, days, raw)


def daily(warehouse: Warehouse, days: dict) -> list[str]:
    found = {(row["project_id"], row["day"]): row for row in warehouse.rows("select * from {marts}.agg_dora_daily")}
    wanted = {place: numbers([known]) for place, known in days.items()}
    return compare("agg_dora_daily", wanted, found)


def weekly(warehouse: Warehouse, days: dict, raw: Raw) -> list[str]:
    weeks = defaultdict(list)
    for (project, day), known in days.items():
        for scope in raw.scopes.of(project):
            weeks[(*scope, monday(day))].append(known)
    rows = warehouse.rows("select * from {marts}.agg_dora_weekly")
    found = {(row["scope_type"], row["scope_id"], row["week"]): row for row in rows}
    # Silent weeks are rows.
    wanted = {place: numbers([]) for place in found} | {place: numbers(of_week) for place, of_week in weeks.items()}
    # A week in which nothing but an incident ended is none in which something began.
    return compare("agg_dora_weekly", wanted, found)


def listed(warehouse: Warehouse, days: dict) -> list[str]:
    """The merge requests behind each number: which release brought which, and when."""
    rows = warehouse.rows("select project_id, merge_request_id, deployment_id, deployed_at from {marts}.fct_changes where deployment_id is not null")
    found = {row["merge_request_id"]: (row["project_id"], str(row["deployed_at"].date()), row["deployment_id"]) for row in rows}
    changes = [(project, day, change) for (project, day), known in days.items() for change in known["changes"]]
    wanted = {change["merge_request"]: (project, day, change["deployment"]) for project, day, change in changes}
    return compare("fct_changes", wanted, found)


def cohorts(warehouse: Warehouse, days: dict, raw: Raw) -> list[str]:
    """The time to production of what people merged in a week."""
    weeks = defaultdict(list)
    for change in (change for known in days.values() for change in known["changes"]):
        row = raw.merge_requests[change["merge_request"]]
        if not change["is_by_bot"]:
            for scope in raw.scopes.of(row["project_id"]):
                weeks[(*scope, monday(str(row["merged_at"].date())))].append(change["seconds_from_merge"])
    found = {(row["scope_type"], row["scope_id"], row["week"]): row for row in warehouse.rows("select * from {marts}.agg_flow_weekly")}
    wanted = {}
    for place in found.keys() | weeks.keys():
        seconds = weeks.get(place, [])
        wanted[place] = {"deployed_count": len(seconds), "hours_to_deploy": sum(seconds) / 3600 if seconds else None, "median_hours_to_deploy": hours(seconds)}
    return compare("agg_flow_weekly to production", wanted, found)


def monday(day: str) -> str:
    parsed = date.fromisoformat(day)
    return str(parsed - timedelta(days=parsed.weekday()))


def compare(name: str, wanted: dict, found: dict) -> list[str]:
    """A line for each place whose values differ; floating-point numbers may by what adding in another order makes of them."""
    problems = [f"{name}: nothing to compare"] if not wanted else []
    for place in sorted(wanted.keys() | found.keys(), key=str):
        right, seen = wanted.get(place, "no row"), found.get(place, "no row")
        if "no row" in (right, seen):
            problems.append(f"{name} {place}: {seen} instead of {right}")
        elif not isinstance(right, dict):
            problems += [f"{name} {place}: {seen} instead of {right}"] if not same(right, seen) else []
        else:
            wrong = [column for column in right if not same(right[column], seen[column])]
            problems += [f"{name} {place}: {column} is {seen[column]} instead of {right[column]}" for column in wrong]
    return problems


def same(right, seen) -> bool:
    if isinstance(right, float) and isinstance(seen, (int, float)):
        return abs(right - seen) <= 1e-9 * max(1, abs(right))
    return right == seen
