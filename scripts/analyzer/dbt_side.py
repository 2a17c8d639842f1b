"""Runs dbt against the checker, in dbt's own environment. Prints one JSON line for each build: nodes and what became of them.

    dbt_side.py ADDRESS OUTPUT_FOLDER
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OPTIONAL = sorted(path.stem.removeprefix("stg_gitlab__") for path in (ROOT / "models/models/staging/optional").glob("*.sql"))
PROJECT, RAW = "mergemind-local", "mergemind_raw"


def main() -> int:
    address, output = sys.argv[1], sys.argv[2]
    os.environ.update(
        BIGQUERY_EMULATOR_HOST=address, PROJECT_ID=PROJECT, BQ_DATASET_RAW=RAW, BQ_DATASET_MODELED="mergemind",
        DBT_SEND_ANONYMOUS_USAGE_STATS="false", DBT_TARGET_PATH=f"{output}/target", DBT_LOG_PATH=f"{output}/logs",
        DBT_PROJECT_DIR=str(ROOT / "models"), DBT_PROFILES_DIR=str(ROOT / "models"), DBT_LOG_LEVEL="none",
    )
    from dbt.cli.main import dbtRunner

    parsed = dbtRunner().invoke(["parse"])
    if not parsed.success:
        report("parse", [{"id": "the project", "kind": "project", "status": "error", "message": str(parsed.exception)}])
        return 0
    manifest = parsed.result
    report("manifest", [{"id": node.unique_id, "kind": str(node.resource_type)} for node in expected_nodes(manifest)])
    report("marts", marts(manifest))
    # Once from nothing; then what a second build does differently: models that merge instead of being made.
    # And what is there only if somebody asks for it: with its own folder, because other variables mean to parse anew.
    # mr_state_events changes other models, too.
    chosen = [
        "path:models/staging/optional", "path:models/staging/own", "stg_gitlab__mr_state_events+2", "int_merge_request_inputs", "int_deployments", "path:models/marts/dora", "fct_jobs", "fct_issues",
        "int_merge_request_rework", "int_merge_request_first_commits", "fct_merge_requests", "agg_flow_weekly",
    ]
    variables = ["--vars", json.dumps({"optional_tables": OPTIONAL, "incident_table": "incidents.of_another_tool"}), "--target-path", f"{output}/optional"]
    with_all = dbtRunner().invoke(["parse", *variables]).result
    # Those of the plain project among them.
    for source in with_all.sources.values():
        create_table(address, source)
    report("marts", marts(with_all))
    for name, arguments, known in (
        ("first build", [], manifest),
        ("second build", ["--select", "config.materialized:incremental"], manifest),
        ("optional tables", ["--select", *chosen, *variables], with_all),
    ):
        built = dbtRunner(manifest=known).invoke(["build", *arguments, "--threads", "4"])
        results = built.result.results if built.result else []
        nodes = [
            {"id": r.node.unique_id, "kind": str(r.node.resource_type), "status": str(r.status), "message": r.message, "path": r.node.original_file_path}
            for r in results
        ]
        if built.exception:
            nodes.append({"id": "dbt", "kind": "project", "status": "error", "message": str(built.exception), "path": ""})
        report("models", described([r.node for r in results]))
        report(name, nodes)
    import metrics

    report("metrics", [{"name": name, "sql": sql} for name, sql in metrics.statements(Path(output) / "optional/semantic_manifest.json").items()])
    # What scripts/docs does, without reading the project once more.
    sys.path.insert(0, str(ROOT / "scripts/lib"))
    import docs

    page = Path(output) / "docs.html"
    written = docs.write(manifest, page, Path(output) / "docs")
    report("docs", [{"page": str(page) if written else "", "models": [n.name for n in manifest.nodes.values() if str(n.resource_type) == "model"]}])
    return 0


def marts(manifest) -> list[dict]:
    """What is promised to readers: each mart's columns with their types."""
    return [
        {"name": node.name, "version": str(node.version or 1), "columns": {c.name: c.data_type for c in node.columns.values()}}
        for node in manifest.nodes.values() if str(node.resource_type) == "model" and node.contract.enforced
    ]


def described(nodes: list) -> list[dict]:
    """What the built models say of themselves, and whether the tests that were built with them look at key and raw tables."""
    tests = [node for node in nodes if str(node.resource_type) == "test"]
    keyed = {test.attached_node for test in tests if getattr(test, "test_metadata", None) and test.test_metadata.name == "primary_key"}
    compared = {
        name for test in tests if not getattr(test, "test_metadata", None) and any(other.startswith("source.") for other in test.depends_on.nodes)
        for name in test.depends_on.nodes
    }
    return [
        {
            "name": node.alias, "dataset": node.schema, "layer": node.fqn[1],
            # What somebody who reads it needs the right to read, too.
            "reads": [] if str(node.config.materialized) != "view" else [name for name in node.depends_on.nodes], "description": node.description, "contract": node.contract.enforced,
            "owner": node.group or "", "key": node.unique_id in keyed, "compared": node.unique_id in compared,
            "columns": {column.name: column.description for column in node.columns.values()},
        }
        for node in nodes if str(node.resource_type) == "model"
    ]


def expected_nodes(manifest):
    """All that dbt sends statements for."""
    kinds = ("model", "test", "snapshot", "seed")
    yield from (n for n in manifest.nodes.values() if str(n.resource_type) in kinds and n.config.materialized != "ephemeral")
    yield from manifest.unit_tests.values()


def create_table(address: str, source) -> None:
    """A raw table as models/models/staging says that it is."""
    fields = [{"name": column.name, "type": column.data_type or ""} for column in source.columns.values()]
    body = json.dumps({"tableReference": {"tableId": source.identifier}, "schema": {"fields": fields}}).encode()
    url = f"{address}/bigquery/v2/projects/{PROJECT}/datasets/{source.schema}/tables"
    urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": "application/json"})).read()


def report(event: str, nodes: list[dict]) -> None:
    print(json.dumps({"event": event, "nodes": nodes}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
