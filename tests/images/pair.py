"""Starts both functions from their assembled trees, with the local warehouse and the simulated GitLab."""
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/images"))
import tree  # noqa: E402

IMAGES = ROOT / ".local/images"
PROGRAMS = Path(
    subprocess.run([ROOT / "scripts/build", "--where"], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
)
TOKEN = "images-trigger-81b0c3d2"


class Process:
    """A process with its log in a file; ended by its own id."""

    def __init__(self, name, command, log_folder, environment=None):
        self.name, self.log = name, log_folder / f"{name}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, env=environment
            )
        self.pid = self.process.pid

    def text(self):
        return self.log.read_text(errors="replace")

    def wait_for(self, pattern, seconds=90):
        """Waits until its log says `pattern`; the match."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := re.search(pattern, self.text()):
                return found
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.text()[-3000:]}")
            time.sleep(0.1)
        raise AssertionError(f"{self.name} did not say {pattern!r} within {seconds} s:\n{self.text()[-3000:]}")

    def stop(self, seconds=15):
        """SIGTERM, and SIGKILL if that is not enough; how long it took."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self.process.wait()
        self.process.stdin.close()
        return time.monotonic() - begun


def environment(function):
    """What Cloud Run and the image set. HOST keeps it off the network here."""
    image = json.loads((IMAGES / f"{function}.json").read_text())
    return image["environment"] | {"K_SERVICE": function, "PORT": "0", "HOST": "127.0.0.1", "PROJECT_ID": "mergemind-local"}


def start_function(name, more, logs, place=None, label=None):
    image = json.loads((IMAGES / f"{name}.json").read_text())
    command = tree.command(place or IMAGES / name, image["entrypoint"], environment(name) | more, user=image["user"])
    return Process(label or name, command, logs)


def address(process):
    return "http://127.0.0.1:" + process.wait_for(r"listens on http://127\.0\.0\.1:(\d+)")[1]


class Pair:
    def __init__(self, folder):
        self.logs = Path(folder)
        self.started = []
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def start(self):
        rest, storage, sim = free_ports(3)
        launcher = [ROOT / ".local/venv-emulator/bin/python", ROOT / "scripts/emulator/launcher.py"]
        launcher += ["--rest-port", str(rest), "--grpc-port", str(storage), "--data-dir", self.logs / "data", "--until-stdin-closes"]
        self.keep(Process("warehouse", launcher, self.logs))
        gitlab = [PROGRAMS / "gitlab-sim", "--port", str(sim), "--projects", "4", "--merge-requests", "80", "--months", "3"]
        self.keep(Process("gitlab-sim", gitlab, self.logs))
        emulator = {
            "BIGQUERY_EMULATOR_HOST": f"http://127.0.0.1:{rest}",
            "BIGQUERY_STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{storage}",
        }
        # On a busy machine a run takes minutes; how long it may take is not what is tested here.
        more = emulator | {"AUTH_TOKEN": TOKEN, "DBT_TIMEOUT_SECONDS": "780"}
        self.trigger = self.keep(start_function("dbt-trigger", more, self.logs))
        self.trigger_url = address(self.trigger)
        more = emulator | {
            "GITLAB_BASE_URL": f"http://127.0.0.1:{sim}", "GITLAB_TOKEN": "glpat-simulated", "GITLAB_GROUPS": "acme",
            "DBT_TRIGGER_URL": self.trigger_url, "DBT_TRIGGER_AUTH_TOKEN": TOKEN, "DBT_TRIGGER_TIMEOUT_SECONDS": "1620",
        }
        self.connector = self.keep(start_function("gitlab-connector", more, self.logs))
        self.connector_url = address(self.connector)
        wait_until_healthy(f"http://127.0.0.1:{rest}")
        wait_until_healthy(f"http://127.0.0.1:{sim}")
        # A token near its end, so that the metric of that has something to count.
        soon = datetime.now(timezone.utc) + timedelta(days=5)
        faults = json.dumps({"token": {"expires_at": soon.strftime("%Y-%m-%dT00:00:00Z")}}).encode()
        urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{sim}/_sim/faults", data=faults, method="POST")).close()

    def keep(self, process):
        self.started.append(process)
        return process

    def stop(self):
        for process in reversed(self.started):
            if process.process.poll() is None:
                process.stop()


def free_ports(count):
    import socket

    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def wait_until_healthy(url, seconds=90):
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=10) as response:
                if response.status == 200:
                    return
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)
