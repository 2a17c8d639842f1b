"""Writes the rows that raw tables should hold, as the simulated GitLab states them (`GET /_sim/rows/…`), straight into raw tables: what a
sync would end in, without its requests. Tables are made as models/models/staging describes them."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator

from warehouse import PROJECT, ROOT, Warehouse

TABLES = [
    "groups", "projects", "users", "merge_requests", "mr_approvals", "mr_reviewers", "mr_notes", "pipelines", "issues", "mr_details", "mr_commits",
    "mr_state_events", "issue_state_events", "mr_diff_files", "deployments", "deployment_merge_requests", "environments", "jobs",
]
ROWS = 2000


def load(warehouse: Warehouse, gitlab: str) -> None:
    """All tables, which are not there yet."""
    post(datasets(warehouse), {"datasetReference": {"datasetId": warehouse.raw, "projectId": PROJECT}})
    described = dict(columns())
    for table in TABLES:
        fields = [field_of(name, kind) for name, kind in described[table]]
        post(f"{datasets(warehouse)}/{warehouse.raw}/tables", {"tableReference": {"tableId": table}, "schema": {"fields": fields}})
        insert(warehouse, table, rows_of(gitlab, table))


def renew(warehouse: Warehouse, gitlab: str) -> None:
    """What a sync would find after people were renamed and old pipelines deleted: names of today, and pipelines marked as deleted."""
    warehouse.rows("delete from {raw}.users where true")
    insert(warehouse, "users", rows_of(gitlab, "users"))
    oldest = min(row["id"] for row in rows_of(gitlab, "pipelines"))
    warehouse.rows("update {raw}.pipelines set _deleted = true, _synced_at = timestamp('2026-01-02 00:00:00') where id < " + str(oldest))


def rows_of(gitlab: str, table: str) -> list[dict]:
    return json.load(urllib.request.urlopen(f"{gitlab}/_sim/rows/{table}"))


def insert(warehouse: Warehouse, table: str, rows: list[dict]) -> None:
    more = {"_synced_at": "2026-01-01T00:00:00Z", "_deleted": False, "_row_hash": 0}
    for first in range(0, len(rows), ROWS):
        batch = [{"json": row | more} for row in rows[first:first + ROWS]]
        answer = post(f"{datasets(warehouse)}/{warehouse.raw}/tables/{table}/insertAll", {"rows": batch})
        if answer.get("insertErrors"):
            raise RuntimeError(f"{table}: {answer['insertErrors'][:3]}")


def datasets(warehouse: Warehouse) -> str:
    return f"{warehouse.address}/bigquery/v2/projects/{PROJECT}/datasets"


def columns() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Raw tables with their columns and types."""
    for path in sorted((ROOT / "models/models/staging").rglob("sources*.yml")):
        for table in re.split(r"(?m)^      - name: ", path.read_text())[1:]:
            found = re.findall(r'- \{name: (\w+), data_type: "?([\w<>]+)"?, ', table)
            yield table.split("\n", 1)[0].strip(), found


def field_of(name: str, kind: str) -> dict:
    inner = re.fullmatch(r"ARRAY<(\w+)>", kind)
    return {"name": name, "type": inner[1], "mode": "REPEATED"} if inner else {"name": name, "type": kind}


def post(url: str, body: dict) -> dict:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request))
