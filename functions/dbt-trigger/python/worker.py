"""A resident dbt: imported once, the project parsed once, then one forked child per run.

Nearly all of a small dbt run's time goes into importing Python modules and parsing the project.
This process does both ahead of time, and what else shortcuts.py and fewer_jobs.py, which stand before this, have. A run forks it: the child
has everything in memory, runs dbt in the ordinary way and exits, so it can be killed without losing the warm parent. A run
that can't use the parsed project becomes an ordinary command line.

Protocol, one JSON object a line. Commands come on standard input:
    {"cmd": "open", "parse_args": [...], "watch": [directory or file, ...]}    once, first
    {"cmd": "run", "id": "...", "args": [...], "narrowed": null, "reuse_manifest": true}    one at a time
    {"cmd": "signal", "id": "...", "signal": "SIGINT"}                         to the run's process group
    end of file: end the run and this process; so nothing is left when the function dies
Events go to standard output:
    {"event": "ready", "dbt": "1.12.6", "parsed": true, "threads": 1, "slower": [], "seconds": 5.2}
    {"event": "finished", "id": "...", "exit_code": 0, "signal": null}
dbt's own log (JSON lines, too) goes to standard error; after the last line of a run follows
    {"end_of_log": "<id>"}

Exit codes of a run are those of the dbt command line: 0 success, 1 a node failed, 2 dbt could not run.
"""

import ctypes
import gc
import json
import os
import select
import signal
import sys
import threading
import time
import traceback
from stat import S_ISDIR

# What the end of a run may take when standard input has closed, before it is killed.
END_SECONDS = 2.0
# Names of what dbt writes or never reads.
NOT_WATCHED = {".git", "target", "logs", "__pycache__", ".venv", "node_modules"}
PR_SET_PDEATHSIG = 1

# Native libraries below the BigQuery adapter start threads of their own when they are imported, and
# a fork copies none of them, only their locks. These settings leave one thread (numpy's OpenBLAS;
# the background thread of the jemalloc inside pyarrow). dbt needs neither.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")


class Worker:
    def __init__(self):
        # Standard output belongs to the protocol alone: whatever else prints, prints to the log.
        self.events = os.dup(1)
        os.dup2(2, 1)
        self.pending = b""
        self.shortcuts = Shortcuts()
        self.resident = False
        self.parse_args = []
        self.watch = []
        self.manifest = None
        self.fingerprint = None
        self.run_id = None
        self.run_pid = None
        # A child's end must wake `select`: its SIGCHLD writes a byte into this pipe.
        self.wake_read, wake_write = os.pipe()
        os.set_blocking(self.wake_read, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # Ctrl-C in a terminal is for the function; it tells us what to do.
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def loop(self):
        while True:
            # Whoever waits for a run needs the processor more.
            has_time = self.run_id is None and self.shortcuts.later
            readable, _, _ = select.select([0, self.wake_read], [], [], 0 if has_time else None)
            if not readable and not self.shortcuts.prepare_more():
                keep_from_collector()
            if self.wake_read in readable:
                try:
                    os.read(self.wake_read, 4096)
                except BlockingIOError:
                    pass
                self.reap()
            if 0 in readable:
                data = os.read(0, 65536)
                if not data:
                    self.end()
                    return
                self.pending += data
                *lines, self.pending = self.pending.split(b"\n")
                for line in lines:
                    if line.strip():
                        self.command(json.loads(line))

    def command(self, command):
        if command["cmd"] == "open":
            self.shortcuts.take([*FEWER, keep_to_the_budget, LIVE_ROWS.learn])
            # Without this nothing is kept between runs: each is a command line of its own.
            self.resident = self.shortcuts.attempt(lambda: expect(sys.modules["dbt.cli.main"], "dbtRunner", ["manifest", ...]))
            self.parse_args, self.watch = command["parse_args"], command["watch"]
            begun = time.monotonic()
            if self.resident:
                self.parse_if_changed()
            self.send(
                event="ready",
                dbt=dbt_version(),
                parsed=self.manifest is not None or not self.resident,
                threads=native_threads(),
                slower=self.shortcuts.problems,
                seconds=round(time.monotonic() - begun, 3),
            )
        elif command["cmd"] == "run":
            self.start(command)
        elif command["cmd"] == "signal" and command["id"] == self.run_id:
            self.kill(getattr(signal, command["signal"]))

    def parse_if_changed(self):
        """Parses the project unless the manifest in memory is of exactly these files.

        The environment and the profile's target can't change meanwhile; variables are part of `parse_args`.
        """
        fingerprint = fingerprint_of(self.watch)
        if self.manifest is not None and fingerprint == self.fingerprint:
            return True
        self.manifest = None
        result = dbtRunner().invoke(list(self.parse_args))
        if not result.success:
            return False
        self.manifest, self.fingerprint = result.result, fingerprint
        self.shortcuts.project_parsed(self.manifest)
        keep_from_collector()
        return True

    def start(self, command):
        self.run_id = command["id"]
        reuse = command["reuse_manifest"] and self.resident
        if reuse and not self.parse_if_changed():
            self.finish(exit_code=2)
            return
        if threading.active_count() != 1:
            # A fork would copy locks that those threads hold, and the run could hang on one. The
            # function starts a new worker.
            print(f"can't fork safely beside {threading.enumerate()}", file=sys.stderr, flush=True)
            os._exit(3)
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            run_child(command["args"], command["narrowed"], self.manifest if reuse else None, parent, self.events)
        try:
            # Also in the child: whichever comes first, the group exists before it is signalled.
            os.setpgid(pid, pid)
        except OSError:
            pass
        self.run_pid = pid

    def reap(self):
        if self.run_pid is None:
            return
        pid, status = os.waitpid(self.run_pid, os.WNOHANG)
        if pid == 0:
            return
        code = os.waitstatus_to_exitcode(status)
        # What the run started and did not wait for ends with it.
        self.kill(signal.SIGKILL)
        self.run_pid = None
        if code < 0:
            self.finish(signal_name=signal.Signals(-code).name)
        else:
            self.finish(exit_code=code)

    def finish(self, exit_code=None, signal_name=None):
        sys.stdout.flush()
        # The leading line break ends a line that a killed run left unfinished.
        os.write(2, b"\n" + json.dumps({"end_of_log": self.run_id}).encode() + b"\n")
        self.send(event="finished", id=self.run_id, exit_code=exit_code, signal=signal_name)
        self.run_id = None

    def kill(self, number):
        if self.run_pid is None:
            return
        try:
            os.killpg(self.run_pid, number)
        except OSError:
            # Ended already.
            pass

    def end(self):
        """Ends the run; politely first, so that dbt cancels its BigQuery jobs."""
        self.kill(signal.SIGINT)
        deadline = time.monotonic() + END_SECONDS
        while self.run_pid is not None and time.monotonic() < deadline:
            if os.waitpid(self.run_pid, os.WNOHANG)[0]:
                break
            time.sleep(0.02)
        self.kill(signal.SIGKILL)

    def send(self, **event):
        os.write(self.events, json.dumps(event).encode() + b"\n")


def keep_from_collector():
    """Keeps the collector from touching all present objects in children, which would copy their pages."""
    gc.collect()
    gc.freeze()


def run_child(args, narrowed, manifest, parent, events):
    """Runs dbt in this forked process, and never returns."""
    code = 2
    try:
        os.setpgid(0, 0)
        die_with(parent)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.close(events)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        if manifest is None:
            # It may parse, and dbt's static parser would wait for a pool of threads that a fork leaves behind.
            # This program again, with arguments.
            os.execv(sys.executable, [sys.executable, "-c", sys.orig_argv[sys.orig_argv.index("-c") + 1], *args])
        result = dbtRunner(manifest=manifest).invoke(LIVE_ROWS.arguments(args, narrowed, manifest))
        if result.success:
            code = 0
        else:
            code = 1 if result.exception is None else 2
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Not sys.exit: the parent's exit handlers are not this process's business.
        os._exit(code)


def die_with(parent):
    """Has the kernel kill this process when its parent dies, where the kernel can (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(2)


def fingerprint_of(paths):
    """Name, size and time of every file below `paths`: cheap, and changes when any of them does."""
    seen = []
    directories = set()

    def look(path):
        try:
            stat = os.stat(path)
            if not S_ISDIR(stat.st_mode):
                seen.append((path, stat.st_size, stat.st_mtime_ns, stat.st_ino))
                return
            # Links may lead in circles: a package's own test project installs the package by one.
            if (stat.st_dev, stat.st_ino) in directories:
                return
            directories.add((stat.st_dev, stat.st_ino))
            names = os.listdir(path)
        except OSError as e:
            # Gone, a link to nothing, or not ours to read: dbt says so, if it matters.
            seen.append((path, e.errno, 0, 0))
            return
        for name in names:
            if name not in NOT_WATCHED:
                look(os.path.join(path, name))

    for path in paths:
        look(path)
    return sorted(seen)


def native_threads():
    """All threads of this process, also those that Python does not know.

    After a full parse dbt's static parser leaves an idle pool of them. A run is forked without it,
    and needs none: it has the manifest and never parses.
    """
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return threading.active_count()


def dbt_version():
    from dbt.version import __version__

    return __version__


def run_command_line():
    """dbt's own command line, of which this process is one."""
    from dbt.cli.main import cli

    sys.argv[0] = "dbt"
    sys.exit(cli())


if __name__ == "__main__":
    keep_to_its_files()
    if sys.argv[1:]:
        run_command_line()
    worker = Worker()
    from dbt.cli.main import dbtRunner

    import dbt.adapters.bigquery  # noqa: F401  (half of what a run would import)

    worker.loop()
