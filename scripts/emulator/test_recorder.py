"""What is written down of what the warehouse is sent."""

import asyncio
import json
import tempfile
import unittest
from pathlib import Path

from recorder import Recorder

PATH = "/bigquery/v2/projects/p/queries"


def written(*exchanges: tuple[str, int, dict]) -> list[dict]:
    """The lines that are left of statements with the status and the body of their answers."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sent.jsonl"
        recorder = Recorder(None, file)
        for sql, status, answer in exchanges:

            async def receive(sql=sql):
                return {"type": "http.request", "body": json.dumps({"query": sql}).encode()}

            async def warehouse(_, receive, send, status=status, answer=answer):
                await receive()
                await send({"type": "http.response.start", "status": status})
                await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

            async def send(_):
                pass

            recorder.app = warehouse
            asyncio.run(recorder({"type": "http", "method": "POST", "path": PATH}, receive, send))
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


class Recording(unittest.TestCase):
    def test_a_statement_is_written_down_once(self):
        self.assertEqual(written(("SELECT 1", 200, {}), ("SELECT 2", 200, {"status": {"errorResult": None}})), [{"sql": "SELECT 1"}])

    def test_what_failed_is_not_and_the_same_that_went_well_afterwards_is(self):
        failed = {"status": {"state": "DONE", "errorResult": {"reason": "invalidQuery"}}}
        at_once = {"jobComplete": True, "errors": [{"reason": "invalidQuery"}]}
        failures = [("DROP TABLE t1", 404, {}), ("DROP TABLE t2", 200, failed), ("DROP TABLE t2", 200, at_once)]
        self.assertEqual(written(*failures, ("DROP TABLE t3", 200, {})), [{"sql": "DROP TABLE t3"}])

    def test_dbt_s_and_strangers_statements_are_not(self):
        self.assertEqual(written(('/* {"app": "dbt"} */ SELECT 1', 200, {}), ("SELECT 1\n-- of a stranger", 200, {})), [])


if __name__ == "__main__":
    unittest.main()
