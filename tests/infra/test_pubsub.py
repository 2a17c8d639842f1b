"""Google's own Pub/Sub emulator pushes to dbt-trigger, which has a dbt that only does what a test says."""
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from issuer import ACCOUNT, AUDIENCE, Issuer
from pubsub import MISSING, Door, Emulator, following
from terraform import ROOT
from test_settings import program

FAKE = ROOT / "functions/dbt-trigger/tests/fake_dbt"
TOKEN = "a-token-of-the-test-5f0c"
GOOD = {"nodes": [{"id": "model.p.a", "status": "success", "message": "CREATE TABLE", "rows": 3}]}


class Trigger:
    """A running dbt-trigger that believes an issuer."""

    def __init__(self, folder, keys_url, **plan):
        self.project, self.calls = folder / "project", folder / "calls"
        self.project.mkdir(parents=True)
        (folder / "tmp").mkdir()
        (self.project / "dbt_project.yml").write_text("name: p\n")
        self.plan(**plan)
        environment = {
            "PATH": os.environ["PATH"], "PORT": "0", "AUTH_TOKEN": TOKEN, "DBT_PROJECT_DIR": str(self.project), "DBT_PYTHON": sys.executable,
            "TMPDIR": str(folder / "tmp"), "PYTHONPATH": str(FAKE), "PYTHONDONTWRITEBYTECODE": "1", "FAKE_DBT_CALLS": str(self.calls),
            "DBT_ENV_ALLOW": "FAKE_*", "ID_TOKEN_AUDIENCE": AUDIENCE, "ID_TOKEN_ACCOUNTS": ACCOUNT, "ID_TOKEN_KEYS_URL": keys_url,
        }
        self.process = subprocess.Popen([program("dbt-trigger")], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.address = next(f"http://{found[1]}" for line in self.process.stderr if (found := re.search(r"listens on http://([\d.:]+)", line)))
        self.rest = following(self.process.stderr)

    def plan(self, **changes):
        """What dbt does from now on."""
        (self.project / "fake.json").write_text(json.dumps(GOOD | changes))

    def builds(self):
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return len([line for line in lines if json.loads(line)["command"] == "build"])

    def run(self, run_id):
        request = urllib.request.Request(f"{self.address}/runs/{run_id}", headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.rest.join()


class Keys(BaseHTTPRequestHandler):
    def do_GET(self):
        text = json.dumps(self.server.keys).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def eventually(what, look):
    """Waits for something true."""
    end = time.monotonic() + 90
    while not (found := look()):
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.2)
    return found


@unittest.skipIf(MISSING, f"not here: {', '.join(MISSING)}")
class PubSub(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="mergemind-pubsub-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.issuer = Issuer(cls.folder)
        keys = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
        keys.keys = cls.issuer.keys()
        threading.Thread(target=keys.serve_forever, daemon=True).start()
        cls.addClassCleanup(keys.server_close)
        cls.addClassCleanup(keys.shutdown)
        cls.keys_url = f"http://127.0.0.1:{keys.server_port}/certs"
        cls.trigger, cls.slow = cls.start("usual"), cls.start("slow", seconds=12)
        cls.emulator = Emulator(cls.folder)
        cls.addClassCleanup(cls.emulator.end)
        cls.emulator.topic("dead-letters")
        # What takes Pub/Sub's time goes on while other tests run.
        cls.late = cls.door("late", cls.slow, "/?wait=true")
        cls.late_message = cls.emulator.publish("late", {"action": "run_dbt"})
        cls.refused = cls.door("refused", cls.slow, "/", account="stranger@acme-data-123.iam.gserviceaccount.com")
        cls.refused_message = cls.emulator.publish("refused", {"action": "run_dbt"})

    @classmethod
    def start(cls, name, **plan):
        trigger = Trigger(cls.folder / name, cls.keys_url, **plan)
        cls.addClassCleanup(trigger.end)
        return trigger

    @classmethod
    def door(cls, name, trigger, path, account=ACCOUNT, lost=0):
        """A door to a trigger, and a topic and a subscription that push to it."""
        door = Door(trigger.address, cls.issuer.token(account), lost)
        cls.addClassCleanup(door.end)
        cls.emulator.pushing(name, door.address + path, "dead-letters")
        return door

    def test_1_a_message_starts_a_run(self):
        before = self.trigger.builds()
        door = self.door("orders", self.trigger, "/")
        message = self.emulator.publish("orders", {"action": "run_dbt"})
        [(delivered, status, said)] = eventually("a delivery", lambda: door.deliveries)
        self.assertEqual((delivered, status), (message, 202), said)
        told = eventually("the run ends", lambda: (found := self.trigger.run(said["run_id"]))["status"] == "success" and found)
        self.assertEqual((told["source"], told["called_by"][0]["caller"]), ("pubsub:orders", f"account:{ACCOUNT}"))
        self.assertEqual(self.trigger.builds() - before, 1)
        time.sleep(2)
        self.assertEqual(door.statuses(), [202], "it was acknowledged")

    def test_2_a_message_that_is_delivered_twice_starts_one_run(self):
        before = self.trigger.builds()
        door = self.door("twice", self.trigger, "/", lost=1)
        message = self.emulator.publish("twice", {"action": "run_dbt"})
        eventually("a second delivery", lambda: len(door.deliveries) > 1)
        self.assertEqual([(delivered, status) for delivered, status, _ in door.deliveries], [(message, 202), (message, 200)])
        self.assertEqual(door.deliveries[1][2]["status"], "ignored")
        run = door.deliveries[0][2]["run_id"]
        eventually("the run ends", lambda: self.trigger.run(run)["status"] == "success")
        self.assertEqual(self.trigger.builds() - before, 1)

    def test_3_a_message_whose_run_could_not_be_made_comes_again(self):
        before = self.trigger.builds()
        self.trigger.plan(crash="no memory left")
        door = self.door("crashed", self.trigger, "/?wait=true")
        message = self.emulator.publish("crashed", {"action": "run_dbt"})
        eventually("a refusal", lambda: door.deliveries)
        self.trigger.plan()
        eventually("a delivery that is taken", lambda: 200 in door.statuses())
        self.assertEqual({delivered for delivered, _, _ in door.deliveries}, {message})
        self.assertEqual(set(door.statuses()[:-1]), {500}, door.deliveries)
        self.assertEqual(door.deliveries[-1][2]["status"], "success")
        self.assertEqual(self.trigger.builds() - before, len(door.deliveries))

    def test_4_a_run_that_outlasts_the_deadline_is_delivered_again_and_runs_once(self):
        eventually("both answers", lambda: len(self.late.deliveries) > 1)
        self.assertEqual({delivered for delivered, _, _ in self.late.deliveries}, {self.late_message})
        self.assertEqual(sorted(said["status"] for _, _, said in self.late.deliveries), ["ignored", "success"])
        self.assertEqual(self.slow.builds(), 1)

    def test_5_a_message_that_is_never_accepted_becomes_a_dead_letter(self):
        [dead] = eventually("a dead letter", lambda: self.emulator.pull("dead-letters"))
        self.assertEqual(self.refused.statuses(), [401] * 5)
        self.assertEqual({delivered for delivered, _, _ in self.refused.deliveries}, {self.refused_message})
        self.assertEqual(dead["attributes"]["CloudPubSubDeadLetterSourceSubscription"], "refused")
        self.assertEqual(dead["attributes"]["CloudPubSubDeadLetterSourceDeliveryCount"], "5")


if __name__ == "__main__":
    unittest.main()
