"""Runs all tests of infra/, several files at once, and says how long each took."""
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Longest first, so that none is left to run alone. What is in one process shares what states.py plans and applies.
TOGETHER = [
    ["test_deploy"],
    # The last of these destroys what states.py has made.
    ["test_access", "test_policies", "test_rules", "test_runbooks", "test_settings", "test_checker", "test_lifecycle"],
    ["test_transitions"],
    ["test_pubsub"],
    ["test_commands"],
    ["test_terraform_tests"],
    ["test_modules", "test_smoke"],
]
# Only by name: it needs what most machines lack.
BY_NAME = {"test_bq"}


def main():
    named = {name for group in TOGETHER for name in group} | BY_NAME
    if strays := {path.stem for path in HERE.glob("test_*.py")} ^ named:
        sys.exit(f"error: {sorted(strays)} must be both a file of tests/infra and listed in run.py")
    begun = time.monotonic()
    # One more than there are processors: some do little but wait.
    with ThreadPoolExecutor(max(2, os.cpu_count() or 2) + 1) as pool:
        running = [pool.submit(run, group) for group in TOGETHER]
        failed = False
        for done in as_completed(running):
            code, text = done.result()
            print(text, file=sys.stderr, flush=True)
            failed |= code != 0
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"all of infra/ in {time.monotonic() - begun:.0f} s, of the processors {used.ru_utime + used.ru_stime:.0f} s", file=sys.stderr)
    return 1 if failed else 0


def run(group):
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "unittest", *group], cwd=HERE, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, f"{done.stdout}{' '.join(group)}: {time.monotonic() - begun:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
