"""Google's own bq is a client of the local warehouse: the forms of the runbooks' commands, against real tables.

Not part of scripts/check-infra as a whole, because it starts a warehouse: `scripts/prepare-python emulator` first, then
`scripts/check-infra test_bq`.
"""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from terraform import ROOT

EMULATOR = ROOT / ".local/venv-emulator/bin/python"


@unittest.skipUnless(shutil.which("bq") and EMULATOR.exists(), "bq or the warehouse's environment is not there")
class Bq(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="mergemind-bq-")
        folder = Path(cls.folder.name)
        cls.warehouse = subprocess.Popen(
            [EMULATOR, ROOT / "scripts/emulator/launcher.py", "--data-dir", folder / "data", "--rest-port", "0", "--grpc-port", "0"],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
        address = next(found[1] for line in cls.warehouse.stdout if (found := re.search(r"BIGQUERY_EMULATOR_HOST=(\S+)", line)))
        # bq asks the API for its description, which is part of bq itself.
        sdk = Path(shutil.which("bq")).resolve().parents[1]
        description = json.loads((sdk / "platform/bq/discovery_next/bigquery.json").read_text())
        description |= {"rootUrl": f"{address}/", "baseUrl": f"{address}/bigquery/v2/"}
        (folder / "bigquery.json").write_text(json.dumps(description))
        cls.flags = ["--oauth_access_token=none", f"--api={address}", "--headless", f"--discovery_file={folder / 'bigquery.json'}"]
        cls.environment = os.environ | {"CLOUDSDK_CONFIG": str(folder), "HOME": str(folder), "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}

    @classmethod
    def tearDownClass(cls):
        cls.warehouse.terminate()
        cls.warehouse.wait()
        cls.warehouse.stdout.close()
        cls.folder.cleanup()

    def bq(self, *words):
        done = subprocess.run(["bq", *self.flags, *words], env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_a_dataset_and_its_tables_are_seen(self):
        project = "--project_id=mergemind-local"
        self.bq(project, "mk", "--dataset", "mergemind-local:raw_by_bq")
        query = ("query", project, "--use_legacy_sql=false", "--format=json")
        self.bq(*query, "CREATE TABLE raw_by_bq.merge_requests AS SELECT 1 AS id, 'opened' AS state")
        self.assertEqual(json.loads(self.bq(*query, "SELECT id, state FROM raw_by_bq.merge_requests")), [{"id": "1", "state": "opened"}])
        # What scripts/deploy and the runbook "restore" ask.
        self.assertIn("location", json.loads(self.bq(project, "show", "--format=json", "mergemind-local:raw_by_bq")))
        fields = json.loads(self.bq(project, "show", "--schema", "--format=json", "mergemind-local:raw_by_bq.merge_requests"))
        self.assertEqual([field["name"] for field in fields], ["id", "state"])


if __name__ == "__main__":
    unittest.main()
