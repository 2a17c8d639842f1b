"""Builds marts from the raw tables of a simulated GitLab whose truth is known, and compares.

    check.py load FOLDER WAREHOUSE RAW MARTS GITLAB       writes the raw tables, where a sync would take too long
    check.py names FOLDER WAREHOUSE RAW MARTS             what must be read before people are renamed
    check.py renew FOLDER WAREHOUSE RAW MARTS GITLAB      the same of people and pipelines, once more
    check.py marts FOLDER WAREHOUSE RAW MARTS GITLAB      the four keys, and other figures
"""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path

import figures
import keys
import load
from warehouse import Warehouse

STREAMS = [
    "mr_details", "mr_commits", "mr_state_events", "issue_state_events", "mr_diff_files", "deployments", "deployment_merge_requests", "environments", "jobs",
]
MARTS = [
    "agg_dora_daily", "agg_dora_weekly", "agg_flow_weekly", "agg_work_in_progress_daily", "agg_work_in_progress_weekly", "fct_issues", "fct_jobs",
    "dim_groups",
]


def main() -> int:
    step, folder, address, raw, marts, *gitlab = sys.argv[1:]
    warehouse = Warehouse(address, raw, marts)
    if step in ("load", "renew"):
        {"load": load.load, "renew": load.renew}[step](warehouse, *gitlab)
        return 0
    if step == "names":
        warehouse.build(Path(folder), STREAMS, ["int_note_kinds"])
        return 0
    warehouse.build(Path(folder), STREAMS, [f"+{mart}" for mart in MARTS])
    raw = figures.Raw(warehouse)
    delivery = with_what_rows_tell(json.load(urllib.request.urlopen(f"{gitlab[0]}/_sim/delivery")), raw)
    total = keys.numbers([entry["known"] for entry in delivery])
    print(f"{len(delivery)} days of projects with " + ", ".join(f"{total[name]} {name}" for name in (*keys.COUNTS, "changes_count")))
    problems = [f"the history has no {name}" for name, count in total.items() if not count]
    problems += keys.differences(warehouse, delivery, raw)
    print(f"four keys: {len(problems)} different")
    problems += figures.differences(raw, warehouse, keys.compare)
    for problem in problems[:30]:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


def with_what_rows_tell(delivery: list[dict], raw: figures.Raw) -> list[dict]:
    """The truth with what raw rows say to it: how long before it came to production each change was first reviewed, and whether it is a bot's."""
    for change in (change for entry in delivery for change in entry["known"]["changes"]):
        row = raw.merge_requests[change["merge_request"]]
        change["is_by_bot"] = row["author_id"] in raw.bots
        first = next(iter(raw.reviews(row)), None)
        before_merge = first and (row["merged_at"] - first).total_seconds()
        change["seconds_from_first_review"] = None if first is None else change["seconds_from_merge"] + before_merge
    return delivery


if __name__ == "__main__":
    sys.exit(main())
