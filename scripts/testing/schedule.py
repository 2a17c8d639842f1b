"""Runs jobs beside each other: each begins when those before it have passed and a processor is free for it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from counts import Counts

# Lines of a failed step that are shown at once; the rest is in its log.
SHOWN = 60


@dataclass(eq=False)
class Job:
    """A step: one program, and how its output tells what it has tried."""

    name: str
    command: list[str | Path]
    after: tuple[str, ...] = ()
    # Processors that it keeps busy; what mostly waits takes less than one.
    weight: float = 1.0
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None
    count: Callable[[str], Counts] = Counts.of_a_check
    prepares: bool = False
    # What has to be known of what it built before others can begin.
    then: Callable[[str], list["Job"]] | None = None

    @property
    def log(self) -> str:
        return self.name.replace(" ", "-") + ".log"


@dataclass
class Result:
    job: Job
    status: int | None = None  # None: it did not begin.
    began: float = 0.0
    seconds: float = 0.0
    processor_seconds: float = 0.0
    counts: Counts = field(default_factory=Counts)

    @property
    def passed(self) -> bool:
        return self.status == 0


class Schedule:
    """Jobs, and what became of them."""

    def __init__(self, jobs: list[Job], only: list[str], processors: float, logs: Path, environment: dict[str, str]):
        self.only, self.waiting, self.running, self.results = only, [], {}, {}
        self._add(jobs)
        self.processors, self.logs, self.environment = processors, logs, environment
        self.begun = time.monotonic()
        self._ended = threading.Condition()
        self._stopped = False

    def _add(self, jobs: list[Job]) -> None:
        """Adds those that are wanted; what prepares others is always."""
        self.waiting += [job for job in jobs if not self.only or job.prepares or any(text in job.name for text in self.only)]

    def run(self) -> list[Result]:
        """Runs them all; what depends on a failed one does not begin."""
        with self._ended:
            while self.waiting or self.running:
                self._begin_what_can()
                if self.running:
                    self._ended.wait()
                elif self.waiting and not self._can_begin():
                    for job in self.waiting:
                        self.results[job.name] = Result(job)
                    self.waiting.clear()
        return list(self.results.values())

    def stop(self) -> None:
        """Ends what runs, and begins nothing more."""
        self._stopped = True
        self.waiting.clear()
        for process in list(self.running.values()):
            try:
                os.killpg(process.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass

    def _can_begin(self) -> list[Job]:
        known = {job.name for job in [*self.waiting, *self.running]} | set(self.results)
        return [job for job in self.waiting if all(name not in known or name in self.results and self.results[name].passed for name in job.after)]

    def _begin_what_can(self) -> None:
        for job in self._can_begin():
            busy = sum(running.weight for running in self.running)
            if not self.running or busy + job.weight <= self.processors:
                self.waiting.remove(job)
                self._begin(job)

    def _begin(self, job: Job) -> None:
        log = (self.logs / job.log).open("wb")
        began = time.monotonic()
        process = subprocess.Popen(
            job.command, cwd=job.folder, env=os.environ | self.environment | job.environment, stdin=subprocess.DEVNULL, stdout=log,
            stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=end_with_parent,
        )
        log.close()
        self.running[job] = process
        say(f"   … {job.name}")
        threading.Thread(target=self._wait_for, args=(job, process, began), daemon=True).start()

    def _wait_for(self, job: Job, process: subprocess.Popen, began: float) -> None:
        # Not Popen.wait: this also tells what the processors did for it.
        _, status, usage = os.wait4(process.pid, 0)
        status = process.returncode = os.waitstatus_to_exitcode(status)
        output = (self.logs / job.log).read_text(errors="replace")
        counts = job.count(output)
        if status != 0 and not counts.failed:
            counts.failed = 1
        result = Result(job, status, began - self.begun, time.monotonic() - began, usage.ru_utime + usage.ru_stime, counts)
        with self._ended:
            del self.running[job]
            if status == 0 and job.then:
                self._add(job.then(output))
            self.results[job.name] = result
            if not self._stopped:
                told = "" if status == 0 else f" FAILED ({status}), its last lines:\n{tail(output)}"
                say(f"   {'✓' if status == 0 else '✗'} {job.name}: {result.seconds:.0f} s, {counts}{told}")
            self._ended.notify()


def end_with_parent() -> None:
    """A job never outlives this process, however that ends. Linux only; elsewhere a killed run may leave processes."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def tail(output: str) -> str:
    # Cargo's messages for programs are none for people.
    lines = [line for line in output.splitlines() if not line.startswith('{"reason"')]
    return "\n".join(f"     {line}" for line in lines[-SHOWN:])


def say(text: str) -> None:
    print(text, flush=True)
