"""Asks a local warehouse by BigQuery's REST API, and lets dbt build marts in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "mergemind-local"
CONVERT = {
    "INTEGER": int, "INT64": int, "FLOAT": float, "FLOAT64": float, "BOOLEAN": lambda text: text == "true", "BOOL": lambda text: text == "true",
    "TIMESTAMP": lambda text: datetime.fromtimestamp(int(text) // 1_000_000, timezone.utc),
}


class Warehouse:
    """One test's datasets: raw tables and marts. `{raw}` and `{marts}` in a query stand for them."""

    def __init__(self, address: str, raw: str, marts: str):
        self.address, self.raw, self.marts = address, raw, marts

    def rows(self, sql: str) -> list[dict]:
        """A query's rows; times without fractions of a second, as GraphQL tells them."""
        # Of no statement of the functions or the project: those are checked with Google's analyzer.
        sql = sql.format(raw=self.raw, marts=self.marts) + "\n-- of a stranger"
        body = {"query": sql, "useLegacySql": False, "timeoutMs": 300_000, "maxResults": 1_000_000}
        url = f"{self.address}/bigquery/v2/projects/{PROJECT}/queries"
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        answer = json.load(urllib.request.urlopen(request))
        if answer.get("errors") or answer.get("pageToken"):
            raise RuntimeError(f"{answer.get('errors') or 'more than one page'} for: {sql}")
        fields = answer.get("schema", {}).get("fields", [])
        return [{field["name"]: value_of(field, cell["v"]) for field, cell in zip(fields, row["f"])} for row in answer.get("rows", [])]

    def build(self, folder: Path, streams: list[str], models: list[str]) -> None:
        """Builds these models, without tests. `folder` keeps what dbt writes."""
        environment = os.environ | {
            "BIGQUERY_EMULATOR_HOST": self.address, "PROJECT_ID": PROJECT, "BQ_DATASET_RAW": self.raw, "BQ_DATASET_MODELED": self.marts,
            "OPTIONAL_TABLES": ",".join(streams), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"), "DBT_PROJECT_DIR": str(ROOT / "models"), "DBT_PROFILES_DIR": str(ROOT / "models"),
        }
        dbt = Path(sys.executable).with_name("dbt")
        subprocess.run([dbt, "--quiet", "run", "--select", *models], env=environment, check=True)


def value_of(field: dict, value):
    if value is None:
        return None
    if field.get("mode") == "REPEATED":
        return [CONVERT.get(field["type"], str)(item["v"]) for item in value]
    return CONVERT.get(field["type"], str)(value)
