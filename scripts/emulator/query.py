"""Prints the result of a query on the local warehouse as a table. Standard library only."""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import unicodedata
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEALTH_TIMEOUT_S = 5  # The emulator answers nothing while it computes; a longer silence is taken for its absence.
QUERY_TIMEOUT_S = 600


class QueryError(Exception):
    """What the warehouse, or the way to it, has to say to the person who asked."""


def main() -> int:
    options = parse_arguments()
    sql = sys.stdin.read() if options.sql == "-" else options.sql
    try:
        with warehouse_address(options.data_dir) as address:
            fields, rows = run_query(address, sql)
        write = {"csv": write_csv, "json": write_json, "table": write_table}[options.format]
        write(fields, rows, options.width)
        sys.stdout.flush()
    except QueryError as error:
        print(f"error: {visible(str(error))}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # The reader, `head` say, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def parse_arguments() -> argparse.Namespace:
    modeled = os.environ.get("BQ_DATASET_MODELED", "mergemind")
    parser = argparse.ArgumentParser(
        prog="scripts/query",
        description="Runs BigQuery SQL on the local warehouse and prints the result.",
        epilog=f"Tables without a dataset are looked up in {modeled} (BQ_DATASET_MODELED). The warehouse is found at"
        " BIGQUERY_EMULATOR_HOST, else where .local/demo.env says that one runs, else it is started for this query.",
    )
    parser.add_argument("sql", help="the statement, or - to read it from standard input")
    parser.add_argument("--format", choices=["table", "csv", "json"], default="table", help="default: table")
    parser.add_argument("--width", type=int, default=60, help="longest value printed in a table; 0 cuts nothing (default: 60)")
    parser.add_argument("--data-dir", type=Path, default=ROOT / ".local/warehouse", help="of the warehouse to start (default: .local/warehouse)")
    return parser.parse_args()


@contextmanager
def warehouse_address(data_dir: Path):
    """Yields the address of a warehouse, which lives at least as long as the block."""
    given = os.environ.get("BIGQUERY_EMULATOR_HOST")
    if given:
        yield given.rstrip("/")
        return
    remembered = demo_environment().get("BIGQUERY_EMULATOR_HOST")
    if remembered and is_alive(remembered):
        yield remembered.rstrip("/")
        return
    if not (data_dir / "bqemulator.duckdb").exists():
        raise QueryError(f"{data_dir} holds no warehouse yet; scripts/demo makes one")
    launcher = [sys.executable, str(ROOT / "scripts/emulator/launcher.py")]
    process = subprocess.Popen(
        [*launcher, "--data-dir", str(data_dir), "--rest-port", "0", "--grpc-port", "0", "--log-level", "error"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        ready = re.search(r"BIGQUERY_EMULATOR_HOST=(\S+)", process.stdout.readline())
        if not ready:
            raise QueryError(process.communicate()[1].strip().removeprefix("error: "))
        yield ready[1]
    finally:
        process.terminate()
        process.communicate()


def demo_environment() -> dict[str, str]:
    """The variables that a demo left for later commands; empty if none ran."""
    try:
        lines = (ROOT / ".local/demo.env").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.removeprefix("export ").split("=", 1) for line in lines if "=" in line)
    return {name.strip(): value.strip().strip("'\"") for name, value in pairs}


def is_alive(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=HEALTH_TIMEOUT_S) as answer:
            return answer.status == 200
    except OSError:
        return False


def run_query(address: str, sql: str) -> tuple[list[dict], list[list]]:
    """Returns the fields and all rows; raises QueryError with the warehouse's own message."""
    project = os.environ.get("PROJECT_ID", "mergemind-local")
    base = f"{address}/bigquery/v2/projects/{project}"
    dataset = {"projectId": project, "datasetId": os.environ.get("BQ_DATASET_MODELED", "mergemind")}
    # A job instead of the shorter jobs.query, because the emulator overlooks defaultDataset there.
    job = call(f"{base}/jobs", {"configuration": {"query": {"query": sql, "useLegacySql": False, "defaultDataset": dataset}}})
    results = f"{base}/queries/{job['jobReference']['jobId']}?formatOptions.useInt64Timestamp=true&maxResults=10000"
    answer = call(results)
    fields = answer.get("schema", {}).get("fields", [])
    rows = answer.get("rows", [])
    while answer.get("pageToken"):
        answer = call(f"{results}&pageToken={answer['pageToken']}")
        rows += answer.get("rows", [])
    statistics = job.get("statistics", {}).get("query", {})
    affected = answer.get("numDmlAffectedRows") or statistics.get("numDmlAffectedRows")
    if affected is not None and not rows:
        fields, rows = [{"name": "affected_rows", "type": "INTEGER"}], [{"f": [{"v": affected}]}]
    return fields, [[decode(cell["v"], field) for cell, field in zip(row["f"], fields)] for row in rows]


def tables(address: str, dataset: str) -> set[str]:
    """Names of the tables and views of a dataset."""
    project = os.environ.get("PROJECT_ID", "mergemind-local")
    listed = f"{address}/bigquery/v2/projects/{project}/datasets/{dataset}/tables?maxResults=1000"
    return {table["tableReference"]["tableId"] for table in call(listed).get("tables", [])}


def call(url: str, body: dict | None = None) -> dict:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=QUERY_TIMEOUT_S) as answer:
            parsed = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise QueryError(error_message(error.read())) from error
    except OSError as error:
        raise QueryError(f"no warehouse answers at {url.split('/bigquery')[0]} ({error}); start one with scripts/warehouse") from error
    # Errors in SQL come with status 200: in the job's status, or beside the rows.
    errors = parsed.get("status", {}).get("errors") or parsed.get("errors")
    if errors:
        raise QueryError(errors[0].get("message", str(errors)))
    return parsed


def error_message(body: bytes) -> str:
    try:
        return json.loads(body)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")[:500]


def decode(value, field: dict):
    """A cell of the REST answer as a Python value; times as `2026-11-24 10:00:00`."""
    if field.get("mode") == "REPEATED":
        single = {**field, "mode": "NULLABLE"}
        return [decode(item["v"], single) for item in value or []]
    if value is None:
        return None
    kind = field["type"]
    if kind in ("RECORD", "STRUCT"):
        return {part["name"]: decode(cell["v"], part) for part, cell in zip(field["fields"], value["f"])}
    if kind in ("INTEGER", "INT64"):
        return int(value)
    if kind in ("FLOAT", "FLOAT64"):
        return float(value)
    if kind in ("BOOLEAN", "BOOL"):
        return str(value).lower() == "true"
    if kind == "TIMESTAMP":
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(value))
        return moment.strftime("%Y-%m-%d %H:%M:%S") + (f".{moment.microsecond:06d}" if moment.microsecond else "")
    return value


def write_table(fields: list[dict], rows: list[list], width: int) -> None:
    names = [visible(field["name"]) for field in fields]
    cells = [[shorten(as_text(value), width) for value in row] for row in rows]
    numeric = [field["type"] in ("INTEGER", "INT64", "FLOAT", "FLOAT64", "NUMERIC") and field.get("mode") != "REPEATED" for field in fields]
    widths = [max([columns(name), *(columns(row[i]) for row in cells)]) for i, name in enumerate(names)]

    def line(values: list[str]) -> str:
        gaps = (" " * (size - columns(value)) for value, size in zip(values, widths))
        padded = (gap + value if right else value + gap for value, gap, right in zip(values, gaps, numeric))
        return "  ".join(padded).rstrip()

    if names:
        print(line(names))
        print("  ".join("─" * size for size in widths))
        for row in cells:
            print(line(row))
    print(f"({len(rows)} {'row' if len(rows) == 1 else 'rows'})")


def as_text(value) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, list):
        return "[" + ", ".join(as_text(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {as_text(item)}" for name, item in value.items()) + "}"
    return visible(str(value))


def visible(text: str) -> str:
    """One line, with an escape for each character that a terminal would act on."""
    return "".join(escape(c) if acts_on_a_terminal(c) else c for c in text)


def acts_on_a_terminal(c: str) -> bool:
    """Control characters (C0, DEL, C1), line separators, and what changes the direction of writing."""
    return unicodedata.category(c) in ("Cc", "Zl", "Zp") or c in "\u061c\u200e\u200f" or "\u202a" <= c <= "\u202e" or "\u2066" <= c <= "\u2069"


def escape(c: str) -> str:
    """As JSON has it."""
    return json.dumps(c)[1:-1] if ord(c) != 0x7F else "\\u007f"


def columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(width_of(c) for c in text)


def width_of(c: str) -> int:
    if unicodedata.combining(c) or unicodedata.category(c) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1


def shorten(text: str, width: int) -> str:
    if width <= 0 or columns(text) <= width:
        return text
    taken = 0
    for place, c in enumerate(text):
        taken += width_of(c)
        if taken >= width:
            return text[:place] + "…"
    return text


def write_csv(fields: list[dict], rows: list[list], _width: int) -> None:
    # A program gets the values as they are; who looks at them gets them escaped.
    seen = visible if sys.stdout.isatty() else str

    def cell(value):
        value = json.dumps(value) if isinstance(value, (list, dict)) else value
        return seen(value) if isinstance(value, str) else value

    writer = csv.writer(sys.stdout)
    writer.writerow(seen(field["name"]) for field in fields)
    writer.writerows([cell(value) for value in row] for row in rows)


def write_json(fields: list[dict], rows: list[list], _width: int) -> None:
    names = [field["name"] for field in fields]
    text = json.dumps([dict(zip(names, row)) for row in rows], indent=2, ensure_ascii=False)
    # JSON's own escapes, so that programs read the same values.
    print("".join(escape(c) if c != "\n" and acts_on_a_terminal(c) else c for c in text))


if __name__ == "__main__":
    sys.exit(main())
