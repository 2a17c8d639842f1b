"""What a run may be billed for."""

import sys
import types
import unittest
from unittest import mock

from budget import Budget


class Spent(Exception):
    pass


@mock.patch.dict(sys.modules, {"dbt_common": types.ModuleType("dbt_common"), "dbt_common.exceptions": types.SimpleNamespace(DbtRuntimeError=Spent)})
class Budgets(unittest.TestCase):
    def setUp(self):
        self.credentials = types.SimpleNamespace(maximum_bytes_billed=None)

    def bill(self, budget, bytes):
        def job():
            if bytes is not None and bytes > self.credentials.maximum_bytes_billed:
                raise ValueError(f"Query exceeded limit for bytes billed: {self.credentials.maximum_bytes_billed}.")
            return types.SimpleNamespace(total_bytes_billed=bytes), "rows"

        return budget.run(job, self.credentials)

    def test_each_job_may_bill_what_is_left(self):
        budget = Budget(100)
        self.assertEqual(self.bill(budget, 60)[1], "rows")
        self.assertEqual(self.bill(budget, None)[1], "rows")
        with self.assertRaisesRegex(Spent, "100 bytes .MAX_BYTES_BILLED., of which 40 are left: BigQuery says: .* billed: 40"):
            self.bill(budget, 41)
        self.bill(budget, 40)
        with self.assertRaisesRegex(Spent, "of which 0 are left: it is spent"):
            self.bill(budget, 0)

    def test_other_errors_stay_what_they_are(self):
        def job():
            raise KeyError("no such table")

        with self.assertRaisesRegex(KeyError, "no such table"):
            Budget(100).run(job, self.credentials)


if __name__ == "__main__":
    unittest.main()
