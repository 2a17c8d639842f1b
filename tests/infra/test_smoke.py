"""scripts/smoke waits for what passes by itself, and tells what is broken from what could not be tried."""
import json
import os
import subprocess
import sys
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from terraform import ROOT

GOOD = {"status": "success", "service": "stand-in"}


class Function(BaseHTTPRequestHandler):
    """Answers what the server's list says, request by request, and then always the last."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        wrong = "wrong-" in self.headers.get("Authorization", "")
        answers = self.server.answers
        status = 401 if wrong else answers.pop(0) if len(answers) > 1 else answers[0]
        text = json.dumps(GOOD if status == 200 else {"status": "error", "code": f"code_{status}"}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST

    def log_message(self, *_):
        pass


class Smoke(unittest.TestCase):
    def serve(self, *answers):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Function)
        server.answers = list(answers)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}"

    def smoke(self, connector, trigger):
        done = subprocess.run(
            [sys.executable, ROOT / "scripts/smoke", "--local", "--connector", connector, "--trigger", trigger], text=True,
            env=os.environ | {"TRIGGER_TOKEN": "right", "SMOKE_WAIT": "1", "SMOKE_PAUSE": "0.1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        return done.returncode, done.stdout

    def test_a_good_pair(self):
        status, said = self.smoke(self.serve(200), self.serve(200))
        self.assertEqual(status, 0, said)

    def test_roles_that_arrive_late_and_another_sync_are_waited_for(self):
        # Description; then a sync that has to wait for another one; the trigger's invoker is new.
        status, said = self.smoke(self.serve(403, 403, 200, 409, 409, 200), self.serve(403, 200))
        self.assertEqual(status, 0, said)
        self.assertEqual(said.count("waiting"), 5, said)

    def test_another_sync_that_does_not_end_could_not_be_tried(self):
        status, said = self.smoke(self.serve(200, 409), self.serve(200))
        self.assertEqual((status, "another sync is running" in said), (2, True), said)

    def test_an_error_is_broken(self):
        status, said = self.smoke(self.serve(200, 502), self.serve(200))
        self.assertEqual((status, "not good: syncs" in said), (1, True), said)

    def test_nobody_there_could_not_be_tried(self):
        status, said = self.smoke("http://127.0.0.1:9", "http://127.0.0.1:9")
        self.assertEqual((status, "can't be reached" in said), (2, True), said)


if __name__ == "__main__":
    unittest.main()
