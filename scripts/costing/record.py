"""Writes down what a build sends to BigQuery, without one: see reckon.py. Runs in the analyzer's environment.

    record.py FILE

FILE gets a JSON object:
    relations   for each table and view its columns with their types
    statements  for each build (`first`, `idle`, `changed`, `event`) a list of [dbt's id of the node, statement]
    groups      for each data test the model with whose other tests it is asked for in one job
    marts, keys the name of each mart, and the columns of the keys that are tested
"""

from __future__ import annotations

import datetime
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/analyzer"))

from catalog import type_name
from checker import Checker, Outcome
from server import Warehouse, serve

sys.path.insert(0, str(Path(__file__).parent))
from sizes import CHANGED_MONTHS

NODE = re.compile(r'"node_id": "([^"]+)"')


class Recorder(Warehouse):
    """A warehouse without rows that answers as if, in the build `changed`, rows of the newest months had changed."""

    def __init__(self, checker: Checker):
        super().__init__(checker)
        self.build = ""
        self.statements: dict[str, list[tuple[str, str]]] = {}
        # Tables that were dropped since, too: a MERGE reads from such a one.
        self.relations: dict[str, dict[str, str]] = {}

    def query(self, job_id: str, sql: str) -> Outcome:
        outcome = super().query(job_id, sql)
        node = NODE.search(sql)
        with self.lock:
            self.statements.setdefault(self.build, []).append((node[1] if node else "", sql))
            self.note_relations()
        if self.build == "changed" and [field["name"] for field in outcome.fields] == ["month"]:
            outcome.rows = [{"f": [{"v": month.isoformat()}]} for month in newest_months(CHANGED_MONTHS)]
        return outcome

    def note_relations(self) -> None:
        for dataset, tables in list(self.checker.catalog.datasets.items()):
            for name, relation in list(tables.items()):
                self.relations.setdefault(f"{dataset}.{name}", {column: type_name(kind) for column, kind in relation.columns.items()})


def newest_months(count: int) -> list[datetime.date]:
    """The first days of the newest months, this one among them."""
    month, months = datetime.date.today().replace(day=1), []
    while len(months) < count:
        months.append(month)
        month = (month - datetime.timedelta(days=1)).replace(day=1)
    return months


def main() -> int:
    output = Path(sys.argv[1])
    checker = Checker("mergemind-local")
    warehouse = Recorder(checker)
    server = serve(warehouse)
    address = f"http://127.0.0.1:{server.server_address[1]}"
    command = [ROOT / ".local/venv-dbt/bin/python", Path(__file__).parent / "build.py", address, output.parent / "dbt"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    told: dict = {}
    for line in process.stdout:
        event = json.loads(line)
        if "begins" in event:
            warehouse.build = event["begins"]
            process.stdin.write("\n")
            process.stdin.flush()
        else:
            told |= event
    server.shutdown()
    if process.wait() != 0 or warehouse.failures:
        print(f"error: dbt's build ended with {process.returncode}; {[failure.message for failure in warehouse.failures[:3]]}", file=sys.stderr)
        return 1
    output.write_text(json.dumps({"relations": warehouse.relations, "statements": warehouse.statements, **told}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
