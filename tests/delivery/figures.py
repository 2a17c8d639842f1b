"""Figures of the marts about flow, issues, jobs, groups and rework, reckoned once more from raw rows: in plain Python, and from what the
columns' descriptions say, not from their SQL."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import date, datetime, timedelta, timezone
from statistics import median

from warehouse import Warehouse

BOTS = re.compile(r"^(project|group)_[0-9]+_bot")
GHOST = re.compile(r"^ghost[0-9]*$")


class Scopes:
    """What each project counts for: itself, every group above it, and the whole."""

    def __init__(self, warehouse: Warehouse):
        self.projects = {row["id"]: row for row in warehouse.rows("select id, full_path from {raw}.projects where not _deleted")}
        self.groups = {row["id"]: row["full_path"] for row in warehouse.rows("select id, full_path from {raw}.groups where not _deleted")}

    def of(self, project: int) -> list[tuple[str, int]]:
        path = self.projects[project]["full_path"]
        above = [("group", group) for group, group_path in self.groups.items() if path.startswith(group_path + "/")]
        return [("project", project), *above, ("all", 0)]


class Raw:
    """The raw rows, as far as the figures need them."""

    def __init__(self, warehouse: Warehouse):
        self.scopes = Scopes(warehouse)
        self.merge_requests = {row["id"]: row for row in warehouse.rows(
            "select id, project_id, author_id, state, draft, target_branch, additions, deletions, created_at, merged_at, closed_at"
            " from {raw}.merge_requests where not _deleted"
        )}
        self.notes = defaultdict(list)
        for row in warehouse.rows("select id, merge_request_id, author_id, body, `system`, created_at from {raw}.mr_notes where not _deleted"):
            self.notes[row["merge_request_id"]].append(row)
        self.events = defaultdict(list)
        for row in warehouse.rows("select id, merge_request_id, state, created_at from {raw}.mr_state_events where not _deleted"):
            self.events[row["merge_request_id"]].append(row)
        self.reopened = {row["issue_id"]: row["n"] for row in warehouse.rows("select issue_id, count(*) as n from {raw}.issue_state_events where state = 'reopened' group by 1")}
        commits = warehouse.rows("select merge_request_id, min(authored_at) as first_at from {raw}.mr_commits where not _deleted group by 1")
        self.first_commits = {row["merge_request_id"]: row["first_at"] for row in commits}
        self.approvals = warehouse.rows("select merge_request_id, user_id from {raw}.mr_approvals where not _deleted")
        self.files = warehouse.rows("select merge_request_id, path from {raw}.mr_diff_files where not _deleted")
        self.issues = warehouse.rows("select id, state, confidential, created_at, closed_at from {raw}.issues")
        self.jobs = warehouse.rows("select id, project_id, name, status, commit_sha, duration_seconds, queued_duration_seconds from {raw}.jobs")
        users = warehouse.rows("select id, username, bot from {raw}.users where not _deleted")
        self.bots = {row["id"] for row in users if row["bot"] or BOTS.match(row["username"].lower())}
        self.nobody = self.bots | {row["id"] for row in users if GHOST.match(row["username"].lower())}

    def end(self, row: dict) -> datetime | None:
        return row["merged_at"] if row["state"] == "merged" else row["closed_at"] if row["state"] == "closed" else None

    def reviews(self, row: dict) -> list[datetime]:
        """Times at which a person who is not the author commented, approved or asked for changes, from opening to end."""
        end = self.end(row)
        return sorted(
            note["created_at"] for note in self.notes[row["id"]]
            if note["author_id"] not in (None, row["author_id"]) and note["author_id"] not in self.nobody
            and (not note["system"] or note["body"].startswith(("approved this merge request", "requested changes")))
            and note["created_at"] >= row["created_at"] and (end is None or note["created_at"] <= end)
        )

    def stays(self, row: dict) -> list[tuple[datetime, datetime | None]]:
        """When it was open."""
        stays, since = [], row["created_at"]
        for event in sorted(self.events[row["id"]], key=lambda event: (event["created_at"], event["id"])):
            if event["state"] == "reopened":
                since = since or event["created_at"]
            elif since:
                stays.append((since, event["created_at"]))
                since = None
        return [*stays, (since, None)] if since else stays

    def cycle_hours(self, row: dict) -> float:
        return sum((until - since).total_seconds() for since, until in self.stays(row)) / 3600

    def ready_at(self, row: dict) -> datetime | None:
        """When it was first no draft; None if it never was."""
        toggles = [(note["created_at"], note["body"].endswith("**ready**")) for note in sorted(self.notes[row["id"]], key=lambda note: (note["created_at"], note["id"]))
                   if note["system"] and note["body"].startswith("marked this merge request as **")]
        opened_as_draft = toggles[0][1] if toggles else row["draft"]
        end = self.end(row)
        first = next((at for at, is_ready in toggles if is_ready), None) if opened_as_draft else row["created_at"]
        return first if first and (end is None or first <= end) else None


def differences(raw: Raw, warehouse: Warehouse, compare) -> list[str]:
    """Where marts and raw rows disagree, by `compare(name, wanted, found)`."""
    problems = []
    for figure in FIGURES:
        wanted, found = figure(raw, warehouse)
        told = compare(figure.__name__, wanted, found)
        print(f"{figure.__name__}: {len(wanted)} compared, {len(told)} different")
        problems += told
    return problems


def by(key: str, value: str, rows: list[dict]) -> dict:
    return {row[key]: row[value] for row in rows}


def issue_lead_time_hours(raw: Raw, warehouse: Warehouse):
    closed = [issue for issue in raw.issues if not issue["confidential"]]
    wanted = {issue["id"]: (issue["closed_at"] - issue["created_at"]).total_seconds() / 3600 if issue["state"] == "closed" else None for issue in closed}
    return wanted, by("issue_id", "lead_time_hours", warehouse.rows("select issue_id, lead_time_hours from {marts}.fct_issues"))


def reopened_issues(raw: Raw, warehouse: Warehouse):
    wanted = {issue["id"]: raw.reopened.get(issue["id"], 0) for issue in raw.issues if not issue["confidential"]}
    return wanted, by("issue_id", "reopened_count", warehouse.rows("select issue_id, reopened_count from {marts}.fct_issues"))


def flaky_jobs(raw: Raw, warehouse: Warehouse):
    passed = defaultdict(int)
    for job in raw.jobs:
        if job["status"] == "success":
            place = job["project_id"], job["commit_sha"], job["name"]
            passed[place] = max(passed[place], job["id"])
    wanted = {job["id"]: job["status"] == "failed" and passed[job["project_id"], job["commit_sha"], job["name"]] > job["id"] for job in raw.jobs}
    return wanted, by("job_id", "is_flaky", warehouse.rows("select job_id, is_flaky from {marts}.fct_jobs"))


def slowest_job_minutes(raw: Raw, warehouse: Warehouse):
    """The longest run and the longest wait of each job's name in each project."""
    wanted = {}
    for job in raw.jobs:
        minutes = wanted.setdefault(f"{job['project_id']} {job['name']}", {"run": 0.0, "wait": 0.0})
        minutes["run"] = max(minutes["run"], (job["duration_seconds"] or 0) / 60)
        minutes["wait"] = max(minutes["wait"], (job["queued_duration_seconds"] or 0) / 60)
    rows = warehouse.rows("select project_id, job_name, coalesce(max(duration_min), 0) as run, coalesce(max(queued_min), 0) as wait from {marts}.fct_jobs group by 1, 2")
    return wanted, {f"{row['project_id']} {row['job_name']}": row for row in rows}


def groups(raw: Raw, warehouse: Warehouse):
    wanted = {}
    for group, path in raw.scopes.groups.items():
        below = {project for project, row in raw.scopes.projects.items() if row["full_path"].startswith(path + "/")}
        rows = [row for row in raw.merge_requests.values() if row["project_id"] in below]
        wanted[group] = {
            "projects_count": len(below), "merge_requests_count": len(rows),
            "open_merge_requests_count": sum(row["state"] == "opened" for row in rows), "level": path.count("/") + 1,
        }
    return wanted, {row["group_id"]: row for row in warehouse.rows("select * from {marts}.dim_groups")}


def work_in_progress(raw: Raw, warehouse: Warehouse):
    """Open at the end of a day, counted anew for each day."""
    found = {(row["project_id"], row["day"]): row["open_count"] for row in warehouse.rows("select * from {marts}.agg_work_in_progress_daily")}
    stays = defaultdict(list)
    for row in raw.merge_requests.values():
        stays[row["project_id"]] += raw.stays(row)
    wanted = {}
    last = max(day for _, day in found)
    for project, of_project in stays.items():
        day = min(since.date() for since, _ in of_project)
        while str(day) <= last:
            end = datetime.combine(day + timedelta(days=1), datetime.min.time(), timezone.utc)
            wanted[project, str(day)] = sum(since < end and (until is None or until >= end) for since, until in of_project)
            day += timedelta(days=1)
    return wanted, found


def age_of_what_is_open(raw: Raw, warehouse: Warehouse):
    """At the end of each whole week, at every level: how long people's merge requests had been open, without what they were closed."""
    found = {(row["scope_type"], row["scope_id"], row["week"]): row for row in warehouse.rows("select * from {marts}.agg_work_in_progress_weekly")}
    last = max(week for *_, week in found)
    counts, ages = defaultdict(int), defaultdict(list)
    for row in raw.merge_requests.values():
        before = timedelta()
        for since, until in raw.stays(row):
            week = since.date() - timedelta(days=since.weekday())
            while str(week) < last:
                end = datetime.combine(week + timedelta(days=7), datetime.min.time(), timezone.utc)
                if until is not None and until < end:
                    break
                for scope in raw.scopes.of(row["project_id"]):
                    counts[(*scope, str(week))] += 1
                    if row["author_id"] not in raw.bots:
                        ages[(*scope, str(week))].append((before + (end - since)).total_seconds() / 3600)
                week += timedelta(days=7)
            before += (until or since) - since
    places = [place for place in found if place[2] < last]
    wanted = {
        place: {
            "open_count": counts[place],
            "median_age_hours": float(median(ages[place])) if ages[place] else None,
            "longest_age_hours": max(ages[place], default=None),
        }
        for place in {*places, *counts}
    }
    return wanted, {place: found[place] for place in places}


def pushes_after_review(raw: Raw, warehouse: Warehouse):
    wanted = {}
    for row in raw.merge_requests.values():
        first = next(iter(raw.reviews(row)), None)
        pushes = [note for note in raw.notes[row["id"]] if note["system"] and re.match(r"added \d+ commits?", note["body"])]
        wanted[row["id"]] = sum(first is not None and push["created_at"] > first for push in pushes)
    return wanted, by("merge_request_id", "pushes_after_review_count", warehouse.rows("select merge_request_id, pushes_after_review_count from {marts}.fct_merge_requests"))


def files_touched_again(raw: Raw, warehouse: Warehouse):
    merged = {row["id"]: row for row in raw.merge_requests.values() if row["state"] == "merged"}
    history, wanted = defaultdict(list), {}
    paths = defaultdict(list)
    for file in raw.files:
        paths[file["merge_request_id"]].append(file["path"])
    for row in sorted(merged.values(), key=lambda row: (row["merged_at"], row["id"])):
        places = [(row["project_id"], row["target_branch"], path) for path in paths[row["id"]]]
        if places:
            again = [place for place in places if history[place] and row["merged_at"] - history[place][-1] <= timedelta(days=21)]
            wanted[row["id"]] = len(again)
        for place in places:
            history[place].append(row["merged_at"])
    rows = warehouse.rows("select merge_request_id, files_touched_again_count from {marts}.fct_merge_requests where files_touched_again_count is not null")
    return wanted, by("merge_request_id", "files_touched_again_count", rows)


def standing_approvals(raw: Raw, warehouse: Warehouse):
    """As notes tell them, pushes that took them back and people renamed since, against GitLab's own list."""
    wanted = dict.fromkeys(raw.merge_requests, 0)
    for approval in raw.approvals:
        row = raw.merge_requests[approval["merge_request_id"]]
        wanted[row["id"]] += approval["user_id"] != row["author_id"] and approval["user_id"] not in raw.nobody
    return wanted, by("merge_request_id", "approvals_count", warehouse.rows("select merge_request_id, approvals_count from {marts}.fct_merge_requests"))


def hours_to_first_review(raw: Raw, warehouse: Warehouse):
    """From ready to the first review, without what it was closed in between; of those that were never closed."""
    wanted = {}
    for row in raw.merge_requests.values():
        ready, reviews = raw.ready_at(row) or raw.end(row), raw.reviews(row)
        if len(raw.stays(row)) == 1:
            wanted[row["id"]] = max(0.0, (reviews[0] - ready).total_seconds() / 3600) if reviews and ready else None
    rows = warehouse.rows("select merge_request_id, hours_to_first_review from {marts}.fct_merge_requests")
    return wanted, {row["merge_request_id"]: row["hours_to_first_review"] for row in rows if row["merge_request_id"] in wanted}


def flow_by_week(raw: Raw, warehouse: Warehouse):
    """Merged without bots, their median cycle time, time of coding, lines, and those that nobody reviewed: at every level, silent weeks too."""
    weeks = defaultdict(list)
    for row in raw.merge_requests.values():
        if row["state"] == "merged" and row["author_id"] not in raw.bots:
            day = row["merged_at"].date()
            for scope in raw.scopes.of(row["project_id"]):
                weeks[(*scope, str(day - timedelta(days=day.weekday())))].append(row)
    found = {(row["scope_type"], row["scope_id"], row["week"]): row for row in warehouse.rows("select * from {marts}.agg_flow_weekly")}
    wanted = {}
    for place in found.keys() | weeks.keys():
        rows = weeks.get(place, [])
        coding = [
            max(0.0, (row["created_at"] - raw.first_commits[row["id"]]).total_seconds() / 3600) for row in rows if row["id"] in raw.first_commits
        ]
        wanted[place] = {
            "merged_count": len(rows),
            "median_cycle_time_hours": float(median(raw.cycle_hours(row) for row in rows)) if rows else None,
            "hours_coding": sum(coding) if coding else None,
            "median_hours_coding": float(median(coding)) if coding else None,
            "changed_lines_count": sum(row["additions"] + row["deletions"] for row in rows),
            "merged_without_review_count": sum(not raw.reviews(row) for row in rows),
        }
    return wanted, found


FIGURES = [
    issue_lead_time_hours, reopened_issues, flaky_jobs, slowest_job_minutes, groups, work_in_progress, age_of_what_is_open, pushes_after_review, files_touched_again, standing_approvals,
    hours_to_first_review, flow_by_week,
]
