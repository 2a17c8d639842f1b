"""Reckons what builds and questions read at a number of merge requests: `scripts/costs --reckon`. Runs in dbt's environment.

record.py has dbt build the project against a BigQuery without rows; reading.py tells which columns and partitions the statements name, and sizes.py
how many bytes these have. Nothing here was measured.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path

import reading
import sizes
from pruning import Layout

ROOT = Path(__file__).resolve().parents[2]
SCALES = (10_000, 1_000_000, 10_000_000)
TIB, PRICE = 1 << 40, 6.25
STREAMS = ROOT / "functions/gitlab-connector/src/streams"
# What is to be reached at ten million merge requests, in bytes.
AIMS = {"idle": 0.5e9, "changed": 3e9, "look-up": 50e6, "question": 300e6}


class Reckoning:
    def __init__(self, recorded: dict):
        self.groups, self.recorded = recorded["groups"], recorded
        self.catalog = reading.Catalog(recorded["relations"])
        for name, layout in raw_layouts().items():
            self.catalog.layouts[f"mergemind_raw.{name}"] = layout
        self.builds = {}
        for build, sent in recorded["statements"].items():
            parsed = [(node, statement) for node, sql in sent for statement in reading.statements(sql)]
            if build == "first":
                for _, statement in parsed:
                    self.catalog.learn(statement)
                for view in self.catalog.views:
                    self.catalog.tables.pop(view, None)
            self.builds[build] = [(node, reading.reads(statement, self.catalog)) for node, statement in parsed]

    def jobs(self, build: str) -> list[tuple[str, dict[str, reading.Read]]]:
        """What each job of a build reads, with its node; data tests of one model are one job."""
        jobs, together = [], {}
        for node, found in self.builds[build]:
            group = self.groups.get(node)
            if group is None:
                jobs.append((node, found))
            elif group not in together:
                together[group] = {}
                jobs.append((node, together[group]))
            if group is not None:
                reading.join(together[group], found)
        return [(node, found) for node, found in jobs if found]

    def of_build(self, build: str, merge_requests: int) -> Counter[str]:
        """Bytes by node."""
        catalog, changed = self.catalog, sizes.CHANGED if build == "changed" else 0.0
        return sum_by_node((node, reading.billed(found, catalog, merge_requests, changed)) for node, found in self.jobs(build))

    def of_query(self, sql: str, merge_requests: int) -> float:
        found: dict[str, reading.Read] = {}
        for statement in reading.statements(sql):
            reading.join(found, reading.reads(statement, self.catalog))
        return reading.billed(found, self.catalog, merge_requests)

    def lookups(self) -> dict[str, str]:
        """A query for the rows of one id in each mart: of a merge request where it has them, else by the first column of its key."""
        queries = {}
        for node, name in self.recorded["marts"].items():
            columns = self.catalog.tables.get(name) or self.recorded["relations"][name]
            keys = [column for column in ("merge_request_id", "mr_id", *self.recorded["keys"].get(node, [])) if column in columns]
            if keys and keys[0] != "date_day":
                queries[f"{name.partition('.')[2]} by {keys[0]}"] = f"select * from {name} where {keys[0]} = 1"
        return queries


def raw_layouts() -> dict[str, Layout]:
    """How gitlab-connector keeps its tables, as the files of its streams say."""
    layouts = {}
    for path in STREAMS.glob("*.rs"):
        text = path.read_text()
        partition, cluster = re.search(r'partition_by: Some\("(\w+)"\)', text), re.search(r"cluster_by: &\[(.*?)\]", text)
        layouts[path.stem] = Layout(partition[1] if partition else "", re.findall(r'"(\w+)"', cluster[1]) if cluster else [])
    return layouts


def sum_by_node(pairs) -> Counter[str]:
    total: Counter[str] = Counter()
    for node, count in pairs:
        total[node] += count
    return total


def questions() -> dict[str, str]:
    """The README's queries by the words above them."""
    text = (ROOT / "models/README.md").read_text()
    return {found[1]: found[2] for found in re.finditer(r"(?s)\*\*([^*\n]+)\*\*[^\n]*\n\n```sql\n(.*?)```", text)}


def main() -> int:
    reckoning = Reckoning(json.loads(Path(sys.argv[1]).read_text()))
    lookups, asked = reckoning.lookups(), questions()
    lines = [["", *(f"{scale:,}" for scale in SCALES), "aim"]]
    for build, title in (("idle", "build of everything, nothing changed"), ("changed", "build after 1 % changed"), ("event", "rows of a webhook")):
        aim = size(AIMS[build]) if build in AIMS else ""
        lines.append([title, *(size(sum(reckoning.of_build(build, scale).values())) for scale in SCALES), aim])
    for kind, queries in (("look-up", lookups), ("question", asked)):
        for name, sql in queries.items():
            lines.append([f"{kind}: {name}", *(size(reckoning.of_query(sql, scale)) for scale in SCALES), size(AIMS[kind])])
    show(lines)
    for build in ("idle", "changed", "event"):
        print(f"\nwhat a build reads most of, at {SCALES[-1]:,} merge requests: {build}")
        show([["node", "bytes"], *([short(node), size(count)] for node, count in reckoning.of_build(build, SCALES[-1]).most_common(25))])
    return 0


def short(node: str) -> str:
    """dbt's id without the project, and of a test without its hash and the list of what it accepts."""
    return node.replace(".mergemind", "")[:70]


def size(count: float) -> str:
    return f"{count / 1e9:,.2f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"


def show(rows: list[list[str]]) -> None:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths))).rstrip())


if __name__ == "__main__":
    sys.exit(main())
