"""Writes a one-page HTML report from the marts: see --help."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/emulator"))

from page import page, with_every_week
from query import QueryError, run_query, tables, warehouse_address
from questions import BLANK_WEEKS, OPTIONAL, QUESTIONS, WEEKS


def main() -> int:
    options = parse_arguments()
    try:
        dataset = os.environ.get("BQ_DATASET_MODELED", "mergemind")
        answers = ask_bigquery(dataset) if options.bigquery else ask_local(options.data_dir, dataset)
    except QueryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not answers["totals"][0]["merge_requests"]:
        print("error: the marts hold no merge request yet; run scripts/demo, or sync and run dbt", file=sys.stderr)
        return 1
    today = datetime.now(UTC).date()
    answers |= {name: with_every_week(answers[name], blank, today, WEEKS) for name, blank in BLANK_WEEKS.items() if name in answers}
    html = page(answers, datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(html, encoding="utf-8")
    print(f"{options.output} ({len(html.encode()) / 1024:.0f} KB)")
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/report", description="Writes a one-page HTML report from the marts. The page needs nothing else: send it, print it.",
        epilog="The local warehouse is found as scripts/query finds it. With --bigquery, PROJECT_ID and BQ_DATASET_MODELED say where the marts are."
        " scripts/report --check opens the page in a headless Chromium and looks at it; that needs npm.",
    )
    parser.add_argument("--output", type=Path, default=ROOT / ".local/report.html", help="default: .local/report.html")
    parser.add_argument("--bigquery", action="store_true", help="read Google's BigQuery instead of the local warehouse")
    parser.add_argument("--data-dir", type=Path, default=ROOT / ".local/warehouse", help="of the warehouse to start (default: .local/warehouse)")
    return parser.parse_args()


def ask(run: Callable[[str], list[dict]], dataset: str, marts: set[str]) -> dict[str, list[dict]]:
    """The answers to all questions whose marts are there."""
    return {name: run(sql.format(dataset=dataset, days=WEEKS * 7)) for name, sql in QUESTIONS.items() if OPTIONAL.get(name) in marts | {None}}


def ask_local(data_dir: Path, dataset: str) -> dict[str, list[dict]]:
    with warehouse_address(data_dir) as address:

        def run(sql: str) -> list[dict]:
            fields, rows = run_query(address, sql)
            return [dict(zip([field["name"] for field in fields], row)) for row in rows]

        return ask(run, dataset, tables(address, dataset))


def ask_bigquery(dataset: str) -> dict[str, list[dict]]:
    from google.cloud import bigquery

    if not os.environ.get("PROJECT_ID"):
        raise QueryError("PROJECT_ID is not set: name the Google Cloud project that holds the marts")
    client = bigquery.Client(project=os.environ["PROJECT_ID"], location=os.environ.get("BQ_LOCATION"))
    return ask(lambda sql: [dict(row) for row in client.query_and_wait(sql)], dataset, {table.table_id for table in client.list_tables(dataset)})


if __name__ == "__main__":
    sys.exit(main())
