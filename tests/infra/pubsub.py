"""Google's Pub/Sub emulator, and the door that its pushes go through because it shows nobody's identity."""
import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PROJECT = "acme-local"
# A name and what a test needs it for; gcloud would ask whether to install the emulator.
NEEDED = {
    "gcloud": shutil.which("gcloud"),
    "Java": shutil.which("java"),
    "openssl": shutil.which("openssl"),
    "gcloud's component pubsub-emulator": shutil.which("gcloud")
    and (Path(shutil.which("gcloud")).resolve().parents[1] / "platform/pubsub-emulator").exists(),
}
MISSING = [name for name, found in NEEDED.items() if not found]


def following(stream):
    """Reads a process's words, so that it can go on, until it ends."""

    def read():
        with stream:
            stream.read()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


class Emulator:
    """A running emulator; `end` ends it with all that it has started."""

    def __init__(self, folder):
        for name in ("config", "data"):
            (folder / name).mkdir()
        # It does not tell which port it chose by itself.
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}/v1"
        self.process = subprocess.Popen(
            ["gcloud", "beta", "emulators", "pubsub", "start", f"--host-port=127.0.0.1:{port}", f"--project={PROJECT}", f"--data-dir={folder / 'data'}"],
            env=os.environ | {"CLOUDSDK_CONFIG": str(folder / "config"), "CLOUDSDK_CORE_DISABLE_PROMPTS": "1", "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )
        limit = threading.Timer(120, self.kill)
        limit.start()
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if "Server started" in line:
                break
        limit.cancel()
        self.rest = following(self.process.stdout)
        if not any("Server started" in line for line in lines):
            self.end()
            raise AssertionError("the emulator did not start:\n" + "".join(lines))

    def kill(self):
        # gcloud, a shell and Java.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def end(self):
        self.kill()
        self.process.wait()
        self.rest.join()

    def call(self, method, name, body=None):
        request = urllib.request.Request(
            f"{self.address}/projects/{PROJECT}/{name}", method=method, data=json.dumps(body or {}).encode(), headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def topic(self, name, **subscription):
        """A topic with one subscription of the same name."""
        self.call("PUT", f"topics/{name}")
        self.call("PUT", f"subscriptions/{name}", {"topic": f"projects/{PROJECT}/topics/{name}"} | subscription)

    def pushing(self, name, endpoint, dead_letters):
        """The same with pushes, and with the policies of infra/events.tf in a shorter time."""
        self.topic(
            name, ackDeadlineSeconds=10, pushConfig={"pushEndpoint": endpoint},
            retryPolicy={"minimumBackoff": "1s", "maximumBackoff": "1s"},
            deadLetterPolicy={"deadLetterTopic": f"projects/{PROJECT}/topics/{dead_letters}", "maxDeliveryAttempts": 5},
        )

    def publish(self, name, order):
        data = base64.b64encode(json.dumps(order).encode()).decode()
        return self.call("POST", f"topics/{name}:publish", {"messages": [{"data": data}]})["messageIds"][0]

    def pull(self, name):
        return [found["message"] for found in self.call("POST", f"subscriptions/{name}:pull", {"maxMessages": 10, "returnImmediately": True}).get("receivedMessages", [])]


class Door:
    """Passes pushes on with an ID token, as Pub/Sub would have sent them, and remembers what came of each."""

    def __init__(self, target, token, lost=0):
        """The first `lost` answers don't reach Pub/Sub."""
        self.target, self.token, self.lost, self.deliveries = target, token, lost, []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Push)
        self.server.daemon_threads = True
        self.server.door = self
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self):
        self.server.shutdown()
        self.server.server_close()

    def statuses(self):
        return [status for _, status, _ in self.deliveries]


class Push(BaseHTTPRequestHandler):
    def do_POST(self):
        door = self.server.door
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {"Content-Type": self.headers["Content-Type"], "Authorization": f"Bearer {door.token}"}
        request = urllib.request.Request(door.target + self.path, method="POST", data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, said = answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            status, said = refusal.code, json.load(refusal)
        door.deliveries.append((json.loads(body)["message"]["messageId"], status, said))
        if door.lost:
            door.lost, status = door.lost - 1, 502
        # Google's documents count it as an acknowledgement; the emulator has 203 in its place.
        if status == 202:
            status = 204
        try:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
        except OSError:
            # Pub/Sub waited no longer.
            pass

    def log_message(self, *_):
        pass
