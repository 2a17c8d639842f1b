"""What a run may be billed for: dbt's profile limits each job by MAX_BYTES_BILLED, and here each is limited by what is left of it.

This text stands between shortcuts.py's and worker.py's in one program.
"""

import os
import threading


class Budget:
    def __init__(self, most):
        self.most = most
        self.left = most
        self.lock = threading.Lock()

    def run(self, job, credentials):
        """Has `job` run a statement, which returns BigQuery's job first, within what is left."""
        if self.left <= 0:
            raise self.spent("it is spent")
        credentials.maximum_bytes_billed = self.left
        try:
            answer = job()
        except Exception as e:
            if "bytes billed" in str(e):
                raise self.spent(f"BigQuery says: {e}") from e
            raise
        with self.lock:
            self.left -= answer[0].total_bytes_billed or 0
        return answer

    def spent(self, why):
        from dbt_common.exceptions import DbtRuntimeError

        return DbtRuntimeError(
            f"a run may be billed for {self.most} bytes (MAX_BYTES_BILLED), of which {max(self.left, 0)} are left: {why}. "
            "Nothing that was built before is lost; raise the limit, or find out with scripts/costs what reads so much."
        )


def keep_to_the_budget():
    most = int(os.environ.get("MAX_BYTES_BILLED") or 0)
    if not most:
        return
    from dbt.adapters.bigquery.connections import BigQueryConnectionManager

    ordinary = expect(BigQueryConnectionManager, "raw_execute", ["self", "sql", ...])
    budget = Budget(most)

    def raw_execute(connections, *more, **named):
        credentials = connections.get_thread_connection().credentials
        return budget.run(lambda: ordinary(connections, *more, **named), credentials)

    BigQueryConnectionManager.raw_execute = raw_execute
