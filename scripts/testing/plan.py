"""The steps of scripts/test: what each runs, what it waits for, and how many processors it keeps busy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from counts import Counts
from place import LOCAL, ROOT
from schedule import Job

SCRIPTS = ROOT / "scripts"
# The black-box tests run in so many processes, each with a warehouse of its own: a warehouse in Python keeps one processor busy.
PARTS = 2
# Where the warehouses of the black-box tests write down what they are sent, and the tables among which that is checked.
SENT = [LOCAL / f"analyzer/sent-{part}.jsonl" for part in range(1, PARTS + 1)]
BLACK_BOX = tuple(f"black-box tests {part}" for part in range(1, PARTS + 1))
TABLES = LOCAL / "analyzer/tables.json"
# Always the whole workspace and its tests: then each crate is compiled once, with one set of features.
CARGO = ["cargo", "build", "--locked", "--workspace"]
JSON = "--message-format=json-render-diagnostics"
# Cargo repeats the warnings of what it compiled before. See scripts/lib/cargo.sh for where clippy's come from.
LINT = ["bash", "-c", 'found=$("$@" 2>&1) && [ -z "$found" ] || { printf "%s\\n" "$found"; exit 1; }', "lint", *CARGO, "--all-targets", "--quiet"]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
# What can damage tables that were right decides quickly.
QUICK_CHAOS, SLOW_CHAOS = ["kills", "bigquery"], ["gitlab", "crowd", "poison"]
# Of a test program that prints how long each test took. libtest calls that unstable, and takes it from a stable compiler so.
TIMED = ["-Zunstable-options", "--report-time"]


class Plan:
    """Which steps there are, given what was asked for and what this machine has."""

    def __init__(self, names: list[str], slow: bool, moved: dict[str, str] | None):
        self.names, self.slow, self.moved = names, slow, moved or {}
        self.shifted = moved is not None
        # Names of what this machine can't run, each with the reason in parentheses.
        self.without: list[str] = []
        self.browser = self._browser()

    def jobs(self) -> list[Job]:
        jobs = self._preparation()
        if self.names or self.slow:
            return jobs
        if not self.shifted:
            jobs += [
                Job("format", ["cargo", "fmt", "--all", "--check"], weight=0.2),
                Job("dependencies", ["python3", SCRIPTS / "testing/dependencies.py"], weight=0.2),
                Job("circles", ["python3", SCRIPTS / "testing/circles.py"], weight=0.2),
                Job("stream names", ["python3", SCRIPTS / "testing/stream_names.py"], weight=0.2),
                Job("links", ["python3", SCRIPTS / "testing/links.py"], weight=0.2),
                Job("public items", ["python3", SCRIPTS / "testing/public_items.py"], weight=0.2),
                Job("query", ["python3", "-m", "unittest", "discover", "-s", SCRIPTS / "emulator"], weight=0.2, count=Counts.of_python),
                Job("worker", ["python3", "-m", "unittest", "discover", "-s", ROOT / "functions/dbt-trigger/python"], weight=0.2, count=Counts.of_python),
                Job("runner", ["python3", "-m", "unittest", "discover", "-s", SCRIPTS / "testing"], weight=0.2, count=Counts.of_python),
            ]
        return jobs

    def _preparation(self) -> list[Job]:
        """What is compiled and installed, always by the real clock: certificates are valid today."""
        environments = ["dbt", "emulator", "fivetran", *(["dbt-1.11"] if self.slow else [])]
        if not self.names and not self.slow:
            environments += ["analyzer", *(["infra"] if shutil.which("terraform") else [])]
        installs = [Job("environments", [SCRIPTS / "prepare-python", *environments], weight=0.3, count=Counts.of_preparation, prepares=True)]
        if self.browser == "install":
            installs.append(Job("browser", ["bash", "-c", '. scripts/lib/environments.sh; . scripts/lib/chromium.sh; ensure_chromium'],
                                weight=0.2, environment={"ROOT": str(ROOT)}, count=Counts.of_preparation, prepares=True))
        if not self.names and not self.slow:
            # Compiling the analyzer for this machine takes a processor most of a minute, which downloads of the build leave free.
            installs.append(Job("analyzer", [SCRIPTS / "check-sql", "--prepare"], ("environments",), 0.6, count=Counts.of_preparation))
        # What waits most, and so is begun first, needs only these.
        builds = [Job("programs", [*CARGO, JSON, "--bins", "--test", "black-box"], weight=1.5, count=Counts.of_preparation, prepares=True, then=self._after_programs)]
        if not self.names and not self.slow:
            builds.append(Job("build", [*CARGO, JSON, "--all-targets"], ("programs",), 1.5, count=Counts.of_preparation, prepares=True, then=self._after_build))
        return [*installs, *builds]

    def _after_programs(self, output: str) -> list[Job]:
        found = test_programs(output)["black-box"]
        black_box = self._black_box(found, ("environments", *(["browser"] if self.browser == "install" else [])))
        if self.names:
            return black_box
        if self.slow:
            return [*black_box, self._other_dbt(found), self._statements(), *self._images(), *self._chaos(SLOW_CHAOS), self._histories(), self._bench(), self._supply()]
        self.without += [f"chaos {family} (slow: scripts/test --slow)" for family in SLOW_CHAOS]
        return [*black_box, *self._infra(), *self._chaos(QUICK_CHAOS), self._models()]

    def _after_build(self, output: str) -> list[Job]:
        programs = test_programs(output)
        del programs["black-box"]
        jobs = [self._rust(name, program, folder) for name, (program, folder) in programs.items()]
        if not self.shifted:
            # What knows nothing of the date.
            self.without += [f"{name} (slow: scripts/test --slow)" for name in ("images", "bench short", "statements on GoogleSQL")]
            jobs.append(Job("examples in documentation", ["cargo", "test", "--locked", "--workspace", "--doc", "--quiet"], ("build",), 0.8, count=Counts.of_rust))
            if "RUSTC_WORKSPACE_WRAPPER" in os.environ:
                jobs.append(Job("lint", LINT, ("build",), 0.2))
            else:
                self.without.append("lint (clippy is not installed: rustup component add clippy)")
        return jobs

    def _rust(self, name: str, program: Path, folder: Path) -> Job:
        return Job(f"unit tests {name}", [program, *TIMED], ("build", "environments"), 1.0, {"RUSTC_BOOTSTRAP": "1"} | self.moved, folder, Counts.of_rust)

    def _black_box(self, found: tuple[Path, Path], after: tuple[str, ...]) -> list[Job]:
        program, folder = found
        arguments = [*TIMED, "--test-threads=3", *(["--ignored"] if self.slow else [])]
        environment = {"RUSTC_BOOTSTRAP": "1"} | self.moved
        if self.browser == "install":
            environment["CHROMIUM"] = str(LOCAL / "chromium/browser")
        elif self.browser:
            environment["CHROMIUM"] = self.browser
        else:
            self.without.append("tests whose names hold in_a_browser (neither a Chromium nor npm is installed; CHROMIUM=… names one)")
        listed = subprocess.run([program, "--list", "--format=terse", *(["--ignored"] if self.slow else []), *self.names], capture_output=True, text=True, check=True)
        tests = [line.removesuffix(": test") for line in listed.stdout.splitlines()]
        if not self.browser:
            tests = [test for test in tests if "in_a_browser" not in test]
        jobs = []
        for part, sent in enumerate(SENT):
            sent.parent.mkdir(parents=True, exist_ok=True)
            if not self.slow:
                # The slow run adds to what the quick one before it wrote, and checks all of it.
                sent.unlink(missing_ok=True)
            if some := tests[part::PARTS]:
                own = environment | {"WAREHOUSE_RECORD": str(sent), "WAREHOUSE_LOG": f"black-box-warehouse-{part + 1}"}
                jobs.append(Job(f"black-box tests {part + 1}", [program, *arguments, "--exact", *some], after, 0.7, own, folder, Counts.of_rust))
        return jobs

    def _other_dbt(self, found: tuple[Path, Path]) -> Job:
        """All tests of dbt-trigger with a real dbt again, on the dbt before. Pages are the same whatever built them."""
        program, folder = found
        command = [program, *TIMED, "--test-threads=6", "--include-ignored", "--skip", "in_a_browser", "trigger::"]
        environment = {"RUSTC_BOOTSTRAP": "1", "DBT_ENVIRONMENT": "dbt-1.11"} | self.moved
        return Job("dbt-trigger on dbt 1.11", command, BLACK_BOX, 1.2, environment, folder, Counts.of_rust)

    def _models(self) -> Job:
        return Job("models on GoogleSQL", [SCRIPTS / "check-sql", "--test", "--keep", TABLES], ("environments", "analyzer"), 1.0, self.moved, count=Counts.of_python)

    def _statements(self) -> Job:
        """What the functions have sent, in this run and in a quick one before it."""
        tables = ["--kept", TABLES] if TABLES.exists() else []
        return Job("statements on GoogleSQL", [SCRIPTS / "check-sql", *tables, *SENT], BLACK_BOX, 1.0, self.moved)

    def _chaos(self, families: list[str]) -> list[Job]:
        return [Job(f"chaos {family}", [TARGET / "chaos", "--short", "--only", family], ("environments",), 0.6, self.moved, count=Counts.of_rounds) for family in families]

    def _infra(self) -> list[Job]:
        if not shutil.which("terraform"):
            self.without.append("infra (Terraform is not installed)")
            return []
        return [Job("infra", [SCRIPTS / "check-infra"], ("environments",), 1.3, {"BUILT": "1"} | self.moved, count=Counts.of_python)]

    def _images(self) -> list[Job]:
        problem = image_problem()
        if problem:
            self.without.append(f"images ({problem})")
            return []
        return [Job("images", [SCRIPTS / "check-images"], ("environments",), 0.8, {"BUILT": "1"}, count=Counts.of_python)]

    def _histories(self) -> Job:
        """More of the random histories, of which the usual run lives through the first few."""
        command = ["cargo", "test", "--locked", "--workspace", "--bin", "gitlab-connector", "random_histories"]
        return Job("histories", command, ("programs",), 1.0, {"HISTORIES": "12..100"}, count=Counts.of_rust)

    def _supply(self) -> Job:
        """Looks up weaknesses elsewhere, where that can be reached: what it finds tomorrow is not what it finds today."""
        return Job("supply", [SCRIPTS / "check-supply"], ("environments",), 0.2)

    def _bench(self) -> Job:
        """Beside others its times say little: what is tried is that they can be measured, and how many jobs a build takes on BigQuery."""
        return Job("bench short", [TARGET / "bench", "--short"], ("environments",), 0.8, {"BUILT": "1"}, count=Counts.of_measurements)

    @staticmethod
    def _browser() -> str:
        """A Chromium that is there, `install` if npm can bring one, or nothing."""
        for known in (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
            if known and shutil.which(known):
                return known
        return "install" if shutil.which("npm") else ""


def json_lines(output: str) -> list[dict]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def test_programs(output: str) -> dict[str, tuple[Path, Path]]:
    """Cargo's test programs by name, each with the folder of its package."""
    found = {}
    for message in json_lines(output):
        if message.get("reason") == "compiler-artifact" and message["profile"]["test"] and message["executable"]:
            package = Path(message["manifest_path"]).parent
            name, kind = message["target"]["name"], message["target"]["kind"][0]
            name = name if name in ("black-box", package.name) else f"{package.name} {kind if kind in ('lib', 'bin') else name}"
            found[name] = Path(message["executable"]), package
    return found


def image_problem() -> str:
    return subprocess.run([SCRIPTS / "check-images", "--problem"], capture_output=True, text=True).stdout.strip()
