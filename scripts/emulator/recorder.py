"""Writes down what the warehouse is sent, for scripts/check-sql: JSON lines of {"table", "fields"}, {"drop"} and {"sql"}, in order.

A statement that differs from an earlier one only in numbers and texts is left out, and so is dbt's, which is checked by itself, and one that
failed: it has changed nothing, and the functions send another one in its place.
"""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path

DBT = '/* {"app": "dbt"'
# At the end of what a test sends as a stranger would, or asks of what another dbt project made.
STRANGER = "-- of a stranger"


def has_failed(answer: bytes) -> bool:
    """Whether an answer is of a job that has failed: BigQuery says so with 200."""
    if b'"errors"' not in answer and b'"errorResult"' not in answer:
        return False
    said = json.loads(answer)
    return bool(said.get("errors") or said.get("status", {}).get("errorResult"))


class Recorder:
    """ASGI middleware: passes everything on, and keeps a copy of what the checker needs."""

    def __init__(self, app, path: Path):
        self.app, self.path = app, path
        self.seen: set[str] = set()
        self.made: set[str] = set()
        self.lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["method"] not in ("POST", "DELETE"):
            return await self.app(scope, receive, send)
        parts: list[bytes] = []

        async def receive_and_keep():
            message = await receive()
            parts.append(message.get("body", b""))
            return message

        status, answer = 0, []

        async def keep_and_send(message):
            nonlocal status
            status = message.get("status", status)
            answer.append(message.get("body", b""))
            await send(message)

        await self.app(scope, receive_and_keep, keep_and_send)
        if status >= 400 or has_failed(b"".join(answer)):
            return
        try:
            self.keep(scope["method"], scope["path"], json.loads(b"".join(parts) or b"{}"))
        except (ValueError, KeyError, TypeError):
            pass  # Uploads and what else is no JSON.

    def keep(self, method: str, path: str, body: dict) -> None:
        table = re.fullmatch(r".*/datasets/([^/]+)/tables/?([^/]*)", path)
        if method == "DELETE":
            # What dbt makes is not written down, so what it drops is not, either.
            if table and f"{table[1]}.{table[2]}" in self.made:
                self.write({"drop": f"{table[1]}.{table[2]}"})
        elif table and not table[2]:
            name = f"{table[1]}.{body['tableReference']['tableId']}"
            self.made.add(name)
            self.write({"table": name, "fields": body["schema"]["fields"]})
        elif path.endswith(("/jobs", "/queries")):
            sql = body["query"] if isinstance(body.get("query"), str) else body["configuration"]["query"]["query"]
            shape = re.sub(r"'(\\.|[^'\\])*'|\d+", "?", sql)
            if shape not in self.seen and not sql.lstrip().startswith(DBT) and not sql.endswith(STRANGER):
                self.seen.add(shape)
                self.write({"sql": sql})

    def write(self, line: dict) -> None:
        with self.lock, self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
