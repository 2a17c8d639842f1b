"""Prints what each model costs: see --help. Runs in dbt's environment."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODELS_ONLY = ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
# US dollars for a TiB, on demand (docs/cost.md).
PRICE, TIB = 6.25, 1 << 40
LAST = """
    select run_id, status, built, format_timestamp('%Y-%m-%d %H:%M:%S', started_at) as started, elapsed_s
    from `{dataset}._dbt_runs`
    where queued_at > timestamp_sub(current_timestamp(), interval 31 day) and nodes > 0 and ended_at is not null
    order by queued_at desc
    limit 1
"""
NODES = """
    select name, type, elapsed_s, bytes, bytes_billed, slot_ms
    from `{dataset}._dbt_run_nodes`
    where run_started_at > timestamp_sub(current_timestamp(), interval 31 day) and run_id = '{run_id}'
    order by coalesce(bytes_billed, bytes, 0) desc, elapsed_s desc
"""


def main() -> int:
    options = parse_arguments()
    if not options.builds and not options.dry_run:
        return last_run()
    with tempfile.TemporaryDirectory(prefix="costs-") as folder:
        os.environ.update(
            DBT_PROJECT_DIR=str(ROOT / "models"), DBT_PROFILES_DIR=str(ROOT / "models"), DBT_TARGET_PATH=folder, DBT_LOG_PATH=folder,
            DBT_SEND_ANONYMOUS_USAGE_STATS="false",
        )
        from dbt.cli.main import dbtRunner

        command = ["compile"] if options.dry_run else ["build", *MODELS_ONLY]
        runs = [dbtRunner().invoke(["--quiet", *command]) for _ in range(1 if options.dry_run else 2)]
    failed = next((run for run in runs if not run.success), None)
    if failed:
        print(f"error: dbt {command[0]} failed: {failed.exception or 'its words are above'}", file=sys.stderr)
        return 1
    models = [[result for result in run.result.results if str(result.node.resource_type) == "model"] for run in runs]
    if options.dry_run:
        rows = [[name(result), kind(result), megabytes(dry_run_bytes(result.node.compiled_code))] for result in models[0]]
        show(["model", "kind", "would scan"], rows)
        return 0
    second = {result.node.unique_id: result for result in models[1]}
    rows = []
    for first in models[0]:
        again = second[first.node.unique_id]
        rows.append([name(first), kind(first), f"{first.execution_time:.2f}", f"{again.execution_time:.2f}", megabytes(scanned(first)), megabytes(scanned(again))])
    totals = [sum(result.execution_time for result in run) for run in models]
    rows.append(["all", "", f"{totals[0]:.2f}", f"{totals[1]:.2f}", megabytes(sum(map(scanned, models[0]))), megabytes(sum(map(scanned, models[1])))])
    show(["model", "kind", "1st build s", "2nd build s", "1st scanned", "2nd scanned"], rows)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/costs", description="Prints what the last run of dbt-trigger took of each node by BigQuery's own numbers: time, bytes read and billed, slots, money.",
        epilog="Where: as for dbt, BIGQUERY_EMULATOR_HOST (see scripts/warehouse) or PROJECT_ID and its friends. The emulator does not count bytes.",
    )
    parser.add_argument("--builds", action="store_true", help="build all models twice, and print time and bytes scanned of each; the second build finds nothing changed")
    parser.add_argument("--dry-run", action="store_true", help="build nothing: ask BigQuery what each model's query would scan")
    parser.add_argument(
        "--reckon", action="store_true",
        help="ask nobody: reckon what builds, look-ups and the questions of models/README.md read at 10,000, a million and ten million merge requests (docs/cost.md)",
    )
    return parser.parse_args()


def last_run() -> int:
    """Prints what dbt-trigger's history tells of its last run that came to any node."""
    dataset = f"{os.environ.get('PROJECT_ID', 'mergemind-local')}.{os.environ.get('BQ_DATASET_MODELED', 'mergemind')}"
    bigquery = client()
    try:
        runs = list(bigquery.query(LAST.format(dataset=dataset)).result())
        nodes = list(bigquery.query(NODES.format(dataset=dataset, run_id=runs[0].run_id)).result()) if runs else []
    except Exception as e:
        # The client has a dozen errors, of which each is told in its own words.
        print(f"error: the history in {dataset} can't be read: {e}", file=sys.stderr)
        return 1
    if not runs:
        print(f"error: {dataset} knows of no run in the last month; --builds needs none", file=sys.stderr)
        return 1
    run = runs[0]
    print(f"run {run.run_id} of {run.started} UTC: {run.status} in {run.elapsed_s:.1f} s, {run.built}")
    rows = [[node.name, node.type, f"{node.elapsed_s:.2f}", *used(node.bytes, node.bytes_billed, node.slot_ms)] for node in nodes]
    read, billed, slots = (sum(count or 0 for count in column) for column in zip(*((n.bytes, n.bytes_billed, n.slot_ms) for n in nodes)))
    show(["node", "type", "s", "read", "billed", "slot s", "US$"], [*rows, ["all", "", f"{run.elapsed_s:.2f}", *used(read, billed, slots)]])
    return 0


def used(read: int | None, billed: int | None, slot_ms: int | None) -> list[str]:
    """Bytes read and billed, seconds of slots, and the price on demand."""
    money = f"{billed / TIB * PRICE:.4f}" if billed else "–"
    return [megabytes(read or 0), megabytes(billed or 0), f"{slot_ms / 1000:,.1f}" if slot_ms else "–", money]


def name(result) -> str:
    return result.node.name


def kind(result) -> str:
    return result.node.config.materialized


def scanned(result) -> int:
    return int((result.adapter_response or {}).get("bytes_processed") or 0)


def dry_run_bytes(sql: str) -> int:
    return int(client().query(sql, job_config=dry_run_config()).total_bytes_processed or 0)


def client():
    from google.api_core.client_options import ClientOptions
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    emulator = os.environ.get("BIGQUERY_EMULATOR_HOST")
    if emulator:
        return bigquery.Client("mergemind-local", AnonymousCredentials(), client_options=ClientOptions(api_endpoint=emulator))
    return bigquery.Client(os.environ.get("PROJECT_ID"), location=os.environ.get("BQ_LOCATION"))


def dry_run_config():
    from google.cloud.bigquery import QueryJobConfig

    return QueryJobConfig(dry_run=True, use_query_cache=False)


def megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count else "–"


def show(head: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, ["─" * width for width in widths], *rows]:
        print("  ".join(cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))).rstrip())


if __name__ == "__main__":
    sys.exit(main())
