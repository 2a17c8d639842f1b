"""How much memory a function takes as Cloud Run counts it: all its processes, and the files in its /tmp.

Measured, many times a second, and not enforced: a limit for several processes needs a control group, which few machines let
us make. What processes share counts once (the kernel's "proportional set size"); where that may not be read, each time, which is more.
"""
import os
import re
import threading
from pathlib import Path

MIB = 1 << 20


class Peak:
    """The largest sum of a process, its descendants and its /tmp, while the `with` lasts."""

    def __init__(self, pid, temporary):
        """`temporary`: MiB that /tmp may take, which count in full where it can't be looked into."""
        self.pid, self.temporary, self.mib = pid, temporary, 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def watch(self):
        while not self.ended.wait(0.05):
            self.mib = max(self.mib, sum(map(memory, family(self.pid))) / MIB + self.files())

    def files(self):
        try:
            found = os.statvfs(Path("/proc", str(self.pid), "root", "tmp"))
        except OSError:
            return self.temporary
        return (found.f_blocks - found.f_bfree) * found.f_frsize / MIB


def family(pid):
    """A process and its descendants."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name between brackets may hold anything.
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def memory(pid):
    """Bytes of a process; none if it has ended."""
    for file, pattern in (("smaps_rollup", r"^Pss: +(\d+) kB"), ("status", r"^VmRSS:\s+(\d+) kB")):
        try:
            found = re.search(pattern, Path(f"/proc/{pid}/{file}").read_text(), re.M)
        except (FileNotFoundError, ProcessLookupError):
            return 0
        except OSError:
            continue
        if found:
            return int(found[1]) * 1024
    return 0
