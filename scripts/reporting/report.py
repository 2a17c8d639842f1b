"""Writes a one-page HTML report from the marts: see --help."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/emulator"))

from answers import NothingToShow, ask, ask_bigquery, page_of
from query import QueryError, run_query, tables, warehouse_address


def main() -> int:
    options = parse_arguments()
    try:
        dataset = os.environ.get("BQ_DATASET_MODELED", "mergemind")
        html = page_of(ask_bigquery(dataset) if options.bigquery else ask_local(options.data_dir, dataset))
    except (QueryError, NothingToShow) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
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


def ask_local(data_dir: Path, dataset: str) -> dict[str, list[dict]]:
    with warehouse_address(data_dir) as address:

        def run(sql: str) -> list[dict]:
            fields, rows = run_query(address, sql)
            return [dict(zip([field["name"] for field in fields], row)) for row in rows]

        return ask(run, dataset, tables(address, dataset))


if __name__ == "__main__":
    sys.exit(main())
