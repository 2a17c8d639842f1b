"""Checks with Google's own SQL analyzer what BigQuery would be sent: see --help."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import derived
import described
import evaluator
import published
from catalog import Catalog, Relation, rest_type, type_name
from checker import Checker
from engine import ROOT, Engine, SqlError
from server import Warehouse, serve

sys.path.insert(0, str(ROOT / "scripts/reporting"))
from questions import QUESTIONS

GOOD = ("success", "pass", "warn", "no-op")
PROJECT, MODELLED = "mergemind-local", "mergemind"
# Absent, not empty, while the streams are off that they are made of.
BY_CHOICE = {"agg_dora_daily", "agg_dora_weekly", "fct_changes", "fct_deployments", "fct_incidents", "fct_jobs"}


def main() -> int:
    options = parse_arguments()
    if options.prepare:
        Engine()
        return 0
    # Together with those of scripts/costs and scripts/report, which need no more than these.
    tests = [[sys.executable, "-m", "unittest", "discover", "-s", ROOT / "scripts" / folder] for folder in ("lib", "reporting", "analyzer")]
    # sqlglot is in dbt's environment.
    tests.append([ROOT / ".local/venv-dbt/bin/python", "-m", "unittest", "discover", "-s", ROOT / "scripts/costing"])
    if options.test and any(subprocess.run(command).returncode != 0 for command in tests):
        return 1
    started = time.monotonic()
    if options.describe:
        derived.write()
    checker = Checker(PROJECT)
    if options.kept:
        checker.catalog.take(options.kept.read_text())
        return tell(checker, [problem for path in options.statements for problem in check_statements(checker, path)], started)
    problems = check_dbt(checker, options.verbose, options.publish)
    if options.keep:
        options.keep.write_text(checker.catalog.text())
    problems += [f"{path.relative_to(ROOT)} is behind the descriptions that it is made of: run scripts/check-sql --describe" for path in derived.outdated()]
    of_dbt = sum(checker.counts.values())
    problems += check_questions(checker)
    problems += [problem for path in options.statements for problem in check_statements(checker, path)]
    return tell(checker, problems, started, of_dbt)


def tell(checker: Checker, problems: list[str], started: float, of_dbt: int = 0) -> int:
    """Prints what was checked and what is wrong; the exit code."""
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    total = sum(checker.counts.values())
    kinds = ", ".join(f"{count} {kind}" for kind, count in checker.counts.most_common())
    print(f"{total} statements checked in {time.monotonic() - started:.1f} s, {of_dbt} of them dbt's: {kinds}")
    return 1 if problems else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/check-sql",
        description="Builds the dbt project twice against a BigQuery that holds no data and checks every statement with Google's"
        " GoogleSQL analyzer; unit tests are computed by Google's reference implementation. Then checks the statements of the functions.",
    )
    parser.add_argument("statements", nargs="*", type=Path, help="files that a warehouse wrote with WAREHOUSE_RECORD: what the functions sent it")
    parser.add_argument("--keep", metavar="FILE", type=Path, help="keep the tables that dbt made, for --kept")
    parser.add_argument("--kept", metavar="FILE", type=Path, help="take dbt's tables from there, and check only the statements")
    parser.add_argument("--publish", action="store_true", help="promise the marts' new columns to their readers (models/models/marts/published.json)")
    parser.add_argument("--prepare", action="store_true", help="only install and compile the analyzer, which later calls find ready")
    parser.add_argument("--describe", action="store_true", help="make the columns of staging models, and of int_merge_requests, anew from what is described")
    parser.add_argument("--test", action="store_true", help="test the checker itself, too")
    parser.add_argument("--verbose", action="store_true", help="name every node")
    return parser.parse_args()


def check_dbt(checker: Checker, verbose: bool, publish: bool) -> list[str]:
    """Lets dbt build the project and returns what went wrong."""
    warehouse = Warehouse(checker)
    # The last run's port if it is free: another address would make dbt parse everything anew.
    port_file = ROOT / ".local/analyzer/port"
    server = serve(warehouse, int(port_file.read_text()) if port_file.exists() else 0)
    port_file.write_text(str(server.server_address[1]))
    address = f"http://127.0.0.1:{server.server_address[1]}"
    problems, expected, seen, marts, plain = [], set(), set(), {}, set()
    # Kept, because dbt parses faster what it has parsed before.
    folder = ROOT / ".local/analyzer/dbt"
    process = subprocess.Popen(
        [ROOT / ".local/venv-dbt/bin/python", ROOT / "scripts/analyzer/dbt_side.py", address, folder], stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        event = json.loads(line)
        nodes = event["nodes"]
        if event["event"] == "manifest":
            expected = {node["id"] for node in nodes}
            continue
        if event["event"] == "marts":
            # First without any stream by choice, then with all.
            plain = plain or {mart["name"] for mart in nodes}
            for mart in nodes:
                marts.setdefault(mart["name"], {})[mart["version"]] = mart["columns"]
            continue
        if event["event"] == "docs":
            problems += check_docs(**nodes[0])
            continue
        if event["event"] == "metrics":
            problems += check_queries(checker, [(f"metric {node['name']}", node["sql"]) for node in nodes])
            print(f"metrics: {len(nodes)} as MetricFlow asks for them")
            continue
        if event["event"] == "models":
            relations = {node["name"]: checker.catalog.find(f"{node['dataset']}.{node['name']}") for node in nodes}
            built = {name: {c: type_name(kind) for c, kind in found.columns.items()} for name, found in relations.items() if found}
            problems += described.shortcomings(nodes, built)
            continue
        seen |= {node["id"] for node in nodes}
        problems += [f"{event['event']}: {node['id']} ({node.get('path', '')}): {node['message']}" for node in nodes
                     if node["status"] not in GOOD]
        if not nodes:
            problems.append(f"{event['event']}: dbt built nothing")
        print(f"{event['event']}: {sum(node['status'] in GOOD for node in nodes)} of {len(nodes)} nodes are GoogleSQL")
        if verbose:
            print("\n".join(f"  {node['status']:8} {node['id']}" for node in nodes))
    if process.wait() != 0:
        problems.append(f"dbt ended with {process.returncode}; its words are above")
    server.shutdown()
    project = folder / "optional/manifest.json"
    problems += evaluator.problems(json.loads(project.read_text())) if project.exists() else []
    # A node that was never built was never checked.
    problems += [f"{name} was not built, so nothing of it was checked" for name in sorted(expected - seen)]
    if set(marts) - plain != BY_CHOICE:
        problems.append(f"streams by choice add the marts {sorted(set(marts) - plain)} instead of {sorted(BY_CHOICE)}")
    if not expected:
        problems.append("the dbt project has no nodes")
    if publish:
        published.publish(published.read(), marts)
    return problems + published.broken_promises(published.read(), marts)


def check_docs(page: str, models: list[str]) -> list[str]:
    """Looks at the documentation that scripts/docs would write."""
    if not page:
        return ["scripts/docs: dbt wrote no documentation; its words are above"]
    html = Path(page).read_text()
    absent = [f"scripts/docs: the page does not show {name}" for name in models if f"model.mergemind.{name}" not in html]
    loaded = [f"scripts/docs: the page loads {tag}" for tag in re.findall(r"<(?:script|link|img)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*", html[:5000])]
    return absent + loaded


def check_questions(checker: Checker) -> list[str]:
    """Checks the queries that people are told to use: those of models/README.md and of the report."""
    readme = ROOT / "models/README.md"
    queries = [(f"{readme.name}, query {number}", sql) for number, sql in enumerate(re.findall(r"(?s)```sql\n(.*?)```", readme.read_text()), 1)]
    queries += [(f"scripts/reporting/questions.py, {name}", sql.format(dataset="mergemind", days=1)) for name, sql in QUESTIONS.items()]
    return check_queries(checker, queries)


def check_queries(checker: Checker, queries: list[tuple[str, str]]) -> list[str]:
    problems = []
    for name, sql in queries:
        try:
            checker.run(sql, evaluate=False)
        except SqlError as error:
            problems.append(f"{name}: {error}")
    return problems


def check_statements(checker: Checker, path: Path) -> list[str]:
    """Checks what scripts/emulator/recorder.py wrote down: tables as they were made and dropped, and statements, in order."""
    problems, statements, seen = [], 0, set()
    # Each test builds its marts in a dataset of its own; they are those that were just checked.
    checker.catalog.fallback = MODELLED
    for number, line in enumerate(path.read_text().splitlines(), 1):
        event = json.loads(line)
        if "table" in event:
            checker.catalog.put(event["table"], Relation({field["name"]: rest_type(field) for field in event["fields"]}))
        elif "drop" in event:
            checker.catalog.drop(event["drop"])
        else:
            statements += 1
            shape = shape_of(event["sql"], checker.catalog)
            if shape in seen:
                for name in re.findall(r"(?i)\bdrop table (?:if exists )?`?([\w.-]+)", event["sql"]):
                    checker.catalog.drop(name)
                continue
            try:
                checker.run(event["sql"], evaluate=False)
                seen |= {shape} - {None}
            except SqlError as error:
                problems.append(f"{path}:{number}: {error}\n  in: {event['sql']}")
    if statements == 0:
        problems.append(f"{path} holds no statement")
    print(f"{path.name}: {statements} statements, {len(seen)} of them unlike all before")
    return problems


def shape_of(sql: str, catalog: Catalog) -> str | None:
    """What two statements have in common that are right or wrong together: their text without literals, names of datasets and the
    numbers of stage tables, and the columns of the tables that they name. None of a statement that makes something."""
    if re.search(r"(?i)\b(create|alter)\b", sql):
        return None
    text = re.sub(r"'(?:[^'\\]|\\.)*'|\b\d+\b", "?", sql)
    columns = {}
    for name in sorted(set(re.findall(r"(?:[\w-]+\.)?\w+\.\w+", text)), key=len, reverse=True):
        relation = catalog.find(name)
        if relation:
            table = re.sub(r"_[0-9a-f]{32}$", "", name.rpartition(".")[2])
            columns[table] = sorted((column, type_name(kind)) for column, kind in relation.columns.items())
            text = text.replace(name, table)
    return re.sub(r"\?(?:\s*,\s*\?)+", "?", text) + str(sorted(columns.items()))


if __name__ == "__main__":
    sys.exit(main())
