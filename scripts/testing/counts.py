"""What a step has tried, as its output tells it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# libtest's line for a test, with the time that --report-time adds.
LIBTEST = re.compile(r"^test (?P<name>.+?) \.\.\. (?P<word>ok|FAILED|ignored)(?:, (?P<why>.*?))?(?: <(?P<seconds>[\d.]+)s>)?$", re.M)
UNITTEST = re.compile(r"^Ran (?P<ran>\d+) tests? in [\d.]+s\n\n(?P<word>OK|FAILED)(?: \((?P<rest>[^)]*)\))?$", re.M)
ROUND = re.compile(r"^(?P<name>\w+ +\d+)  (?P<word>ok|FOUND)  (?P<seconds>[\d.]+) s$", re.M)
MEASURED = re.compile(r"^measuring (?P<name>\S+) …$", re.M)


@dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    # Why each was skipped.
    skipped: list[str] = field(default_factory=list)
    # Tests whose time is known, in seconds.
    times: list[tuple[float, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @staticmethod
    def of_a_check(output: str) -> Counts:
        """A step that is one check: what it is worth is its status."""
        return Counts(passed=1)

    @staticmethod
    def of_preparation(output: str) -> Counts:
        """A step that tries nothing."""
        return Counts()

    @staticmethod
    def of_rust(output: str) -> Counts:
        counts = Counts()
        for found in LIBTEST.finditer(output):
            if found["word"] == "ignored":
                counts.skipped.append(f"{found['name']} ({found['why'] or 'ignored'})")
            elif found["word"] == "ok":
                counts.passed += 1
            else:
                counts.failed += 1
                counts.failures.append(found["name"])
            if found["seconds"]:
                counts.times.append((float(found["seconds"]), found["name"]))
        return counts

    @staticmethod
    def of_python(output: str) -> Counts:
        """Also the time of scripts/check-sql and scripts/check-infra, which are more than their tests: one check each."""
        counts = Counts(passed=1)
        for found in UNITTEST.finditer(output):
            numbers = {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", found["rest"] or "")}
            failed = numbers.get("failures", 0) + numbers.get("errors", 0) + numbers.get("unexpected successes", 0)
            skipped = numbers.get("skipped", 0)
            counts.failed += failed
            counts.passed += int(found["ran"]) - failed - skipped
            counts.skipped += ["a Python test"] * skipped
        return counts

    @staticmethod
    def of_rounds(output: str) -> Counts:
        rounds = list(ROUND.finditer(output))
        failed = [found["name"] for found in rounds if found["word"] != "ok"]
        return Counts(len(rounds) - len(failed), len(failed), times=[(float(found["seconds"]), f"chaos {found['name']}") for found in rounds], failures=failed)

    @staticmethod
    def of_measurements(output: str) -> Counts:
        failed = re.findall(r"^error: (\w+): ", output, re.M)
        return Counts(len(MEASURED.findall(output)) - len(failed), len(failed), failures=failed)

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped, self.times + other.times, self.failures + other.failures)

    def __str__(self) -> str:
        parts = [f"{count} {word}" for count, word in ((self.passed, "passed"), (self.failed, "failed"), (len(self.skipped), "skipped")) if count]
        return ", ".join(parts) or "done"
