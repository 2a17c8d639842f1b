"""Where a test run works: below .local, from which the next run removes what a killed one left."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".local"
LOGS = LOCAL / "logs"
RESULTS = LOCAL / "test"
# The temporary folder of everything that a test run starts. Sockets are made in it, whose paths are short: where this folder's is
# too long, it is one beside those of others, with the same name each time.
TEMPORARY = LOCAL / "tmp"
if len(str(TEMPORARY)) > 70:
    TEMPORARY = Path(tempfile.gettempdir()) / f"mergemind-test-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]}"


class Place:
    """The folder while a run uses it: one at a time, since they would remove each other's files."""

    def __init__(self):
        for folder in (LOGS, RESULTS):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock = (RESULTS / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit("error: another scripts/test runs in this folder; wait for it, or use another clone") from None
        self.clean()
        TEMPORARY.mkdir()

    def clean(self) -> None:
        """Ends processes of a run that was killed, and removes its files."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            left = started_by_a_run()
            for pid in left:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
            if left:
                time.sleep(1)
        shutil.rmtree(TEMPORARY, ignore_errors=True)


def started_by_a_run() -> list[int]:
    """Processes whose temporary folder is ours. Linux tells of them; elsewhere none are found."""
    wanted, found = f"TMPDIR={TEMPORARY}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found
