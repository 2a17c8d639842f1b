"""All checks and tests in one command: see --help."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time

import clock
from counts import Counts
from place import LOGS, RESULTS, ROOT, TEMPORARY, Place
from plan import Plan
from schedule import Result, Schedule

SLOWEST = 10
# Steps wait for a part of their time, so there are a few more of them than processors.
OVERLAP = 1.8


def main() -> int:
    options = parse_arguments()
    if options.total:
        return total(options.total)
    place = Place()
    moved = clock.environment(options.on) if options.on else None
    plan = Plan(options.names, options.slow, moved)
    begun, worked = time.monotonic(), work_of_processors()
    schedule = Schedule(plan.jobs(), options.only or [], processors() * OVERLAP, LOGS, {"TMPDIR": str(TEMPORARY), "BUILT": "1"})
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: interrupt(schedule, place))
    if moved:
        now = subprocess.run(["date"], env=os.environ | moved, capture_output=True, text=True).stdout.strip()
        print(f"== with the clock at {now}", flush=True)
    results = schedule.run()
    place.clean()
    counts = summary(results, plan.without, bool(options.names or options.slow or options.only))
    seconds, worked = time.monotonic() - begun, work_of_processors() - worked
    print(f"all of it took {seconds:.0f} s" + (f", in which the processors were busy for {worked:.0f} s: {worked / seconds / processors():.0%}" if worked else ""))
    kind = "part" if options.names or options.only else "slow" if options.slow else "on" if options.on else "usual"
    (RESULTS / f"{kind}.json").write_text(json.dumps({"passed": counts.passed, "failed": counts.failed, "skipped": counts.skipped}))
    print(last_line(counts.passed, counts.failed, len(counts.skipped)), flush=True)
    return 1 if counts.failed or any(not result.passed for result in results) or not counts.passed else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/test", description="All checks and tests but the slow ones, from a clean clone: build, format, lint, unit tests, black-box tests, infra, SQL, chaos."
        " Steps run beside each other; the log of each is in .local/logs. The last line counts tests, and checks such as the lint, one each.",
        epilog="--on moves the calendar of all programs that are started (Linux; needs a C compiler); today's clock is used to build and to install. TZ is taken over from the shell.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only black-box tests with this in their name")
    parser.add_argument("--slow", action="store_true", help="what is left out of the rest for its time: long black-box tests, dbt-trigger on the dbt before, three kinds of chaos, more random histories, statements on GoogleSQL, images, the short bench")
    parser.add_argument("--on", metavar="DATE", help="on another date: 2028-02-29, or '2026-12-06 23:30' (UTC); `today` is one of a list, another one each day")
    parser.add_argument("--only", metavar="STEP", type=lambda text: text.split(","), help="only steps with one of these in their name, commas between, and what they need: lint,chaos")
    parser.add_argument("--total", nargs="+", metavar="RUN", help=argparse.SUPPRESS)
    return parser.parse_args()


def processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def work_of_processors() -> float:
    """Seconds that this machine's processors have worked, with what else runs there and what a step leaves to end by itself. Linux tells; 0 elsewhere."""
    try:
        with open("/proc/stat") as file:
            user, nice, system = map(int, file.readline().split()[1:4])
    except OSError:
        return 0.0
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def interrupt(schedule: Schedule, place: Place) -> None:
    schedule.stop()
    place.clean()
    print("\ninterrupted", file=sys.stderr, flush=True)
    os._exit(130)


def summary(results: list[Result], without: list[str], only_some: bool) -> Counts:
    """Prints what was done, how long it took, what was skipped and why; all counts together."""
    counts = sum((result.counts for result in results), Counts())
    print(f"\n{'step':<34} {'began':>6} {'took':>6} {'CPU':>6}   outcome")
    for result in sorted(results, key=lambda result: result.began):
        if result.status is None:
            print(f"{result.job.name:<34} {'':>20}   not begun: {', '.join(result.job.after)} must pass first")
            counts.skipped.append(f"{result.job.name} (a step before it failed)")
        else:
            word = "" if result.passed else f"  FAILED, see {LOGS.relative_to(ROOT)}/{result.job.log}"
            print(f"{result.job.name:<34} {result.began:>4.0f} s {result.seconds:>4.0f} s {result.processor_seconds:>4.0f} s   {result.counts}{word}")
    if counts.times:
        print(f"\nthe {SLOWEST} slowest tests")
        for took, name in sorted(counts.times, reverse=True)[:SLOWEST]:
            print(f"  {took:>6.1f} s  {name}")
    counts.skipped += without
    if counts.skipped and not only_some:
        reasons: dict[str, list[str]] = {}
        for text in counts.skipped:
            name, _, why = text.partition(" (")
            reasons.setdefault(why.rstrip(")"), []).append(name)
        print("\nskipped")
        for why, names in reasons.items():
            print(f"  {len(names)} ({why}): {', '.join(names[:3])}{' …' if len(names) > 3 else ''}")
    if counts.failures:
        print("\nfailed")
        print("\n".join(f"  {name}" for name in counts.failures))
    print()
    return counts


def last_line(passed: int, failed: int, skipped: int) -> str:
    return f"{passed} passed, {failed} failed, {skipped} skipped"


def total(runs: list[str]) -> int:
    """The line for several runs together: what one of them left out as slow and another has run is not skipped."""
    # One that was cut off left nothing.
    counts = [json.loads(file.read_text()) for name in runs if (file := RESULTS / f"{name}.json").exists()]
    skipped = {text for count in counts for text in count["skipped"] if "slow" not in runs or "scripts/test --slow" not in text}
    print(last_line(sum(count["passed"] for count in counts), sum(count["failed"] for count in counts), len(skipped)))
    return 1 if any(count["failed"] for count in counts) else 0


if __name__ == "__main__":
    sys.exit(main())
