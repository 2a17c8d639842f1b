"""Builds the project for record.py, in dbt's environment: from nothing, after nothing changed, after rows changed, and after a webhook.

    build.py ADDRESS FOLDER

Prints a JSON line before each build and waits for one on standard input, so that record.py knows which is which.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/analyzer"))
sys.path.insert(0, str(ROOT / "functions/dbt-trigger/python"))

PROJECT, RAW, MARTS = "mergemind-local", "mergemind_raw", "mergemind"
VARIABLES = ["--vars", json.dumps({"check_incremental": False})]
# The raw tables that a day's work changes, and how dbt-trigger builds what follows them.
CHANGED = ["merge_requests", "mr_notes", "mr_reviewers", "mr_approvals", "mr_assignees", "mr_labels", "pipelines", "projects"]
FOLLOWING = ["--select", *(f"source:*.{table}+" for table in CHANGED), "--exclude", "tag:nightly"]
# A webhook of one merge request.
EVENT = ["--vars", json.dumps({"check_incremental": False, "live_merge_requests": [7], "live_projects": [3]})]


def main() -> int:
    address, folder = sys.argv[1], sys.argv[2]
    os.environ.update(
        BIGQUERY_EMULATOR_HOST=address, PROJECT_ID=PROJECT, BQ_DATASET_RAW=RAW, BQ_DATASET_MODELED=MARTS,
        DBT_SEND_ANONYMOUS_USAGE_STATS="false", DBT_TARGET_PATH=f"{folder}/target", DBT_LOG_PATH=f"{folder}/logs",
        DBT_PROJECT_DIR=str(ROOT / "models"), DBT_PROFILES_DIR=str(ROOT / "models"), DBT_LOG_LEVEL="none",
    )
    import dbt_side
    import fewer_jobs
    import live_rows
    from dbt.cli.main import dbtRunner

    # As in BigQuery: the comparisons with tables made from scratch are for the local warehouse.
    parsed = dbtRunner().invoke(["parse", *VARIABLES])
    if not parsed.success:
        print(parsed.exception, file=sys.stderr)
        return 1
    manifest = parsed.result
    for source in manifest.sources.values():
        dbt_side.create_table(address, source)
    nodes = list(manifest.nodes.values())
    for name, chosen in (("first", VARIABLES), ("idle", VARIABLES), ("changed", [*FOLLOWING, *VARIABLES]), ("event", EVENT)):
        print(json.dumps({"begins": name}), flush=True)
        sys.stdin.readline()
        arguments = ["build", *chosen, "--exclude-resource-type", "unit_test", "--threads", "4"]
        if name == "event":
            # A build leaves what it compiled in its manifest.
            manifest = dbtRunner().invoke(["parse", *VARIABLES]).result
            live_rows.LIVE_ROWS.known = True
            arguments = live_rows.LIVE_ROWS.arguments([], [*arguments, "--exclude-resource-type", "test"], manifest)
        built = dbtRunner(manifest=manifest).invoke(arguments)
        if built.exception or any(str(result.status) not in ("success", "pass", "warn", "no-op") for result in built.result.results):
            print(built.exception or [result.message for result in built.result.results if result.message], file=sys.stderr)
            return 1
    tests = [node for node in nodes if str(node.resource_type) == "test"]
    keys = [test for test in tests if getattr(test, "test_metadata", None) and test.test_metadata.name == "primary_key"]
    print(json.dumps({
        "groups": {test.unique_id: str(fewer_jobs.group_of(test)) for test in tests},
        "keys": {test.attached_node: test.test_metadata.kwargs["columns"] for test in keys},
        "marts": {node.unique_id: f"{node.schema}.{node.alias}" for node in nodes if "marts" in node.fqn and str(node.resource_type) == "model"},
    }), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
