"""Prints the tables that `fivetran debug` left in a DuckDB file as JSON: {"table": {"key", "types", "rows", "deleted"}}.

usage: duckdb_rows.py WAREHOUSE.db
Values look as the simulated GitLab prints them. Fivetran's own columns are left out.
"""

import json
import sys
from datetime import datetime, timezone

import duckdb


def value(kind, cell):
    if cell is None:
        return None
    if kind == "TIMESTAMP WITH TIME ZONE":
        return datetime.fromtimestamp(cell / 1_000_000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    if kind == "DATE":
        return cell.isoformat()
    return json.loads(cell) if kind == "JSON" else cell


def expression(name, kind):
    # As a number, since Python's values of this type need another package.
    return f'epoch_us("{name}")' if kind == "TIMESTAMP WITH TIME ZONE" else f'"{name}"'


def main(path):
    warehouse = duckdb.connect(path, read_only=True)
    tables = {}
    names = warehouse.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT starts_with(table_name, '_')"
    ).fetchall()
    for schema, table in names:
        columns = warehouse.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = ? AND table_name = ? "
            "ORDER BY column_index",
            [schema, table],
        ).fetchall()
        key = warehouse.execute(
            "SELECT constraint_column_names FROM duckdb_constraints() WHERE schema_name = ? AND table_name = ? "
            "AND constraint_type = 'PRIMARY KEY'",
            [schema, table],
        ).fetchone()
        ours = [column for column in columns if not column[0].startswith("_fivetran_")]
        rows = {}
        for deleted in (False, True):
            selected = ", ".join(expression(*column) for column in ours)
            found = []
            if any(name == "_fivetran_deleted" for name, _ in columns):
                found = warehouse.execute(
                    f'SELECT {selected} FROM "{schema}"."{table}" WHERE coalesce(_fivetran_deleted, FALSE) = {deleted}'
                ).fetchall()
            rows[deleted] = [
                {name: value(kind, cell) for (name, kind), cell in zip(ours, row, strict=True)} for row in found
            ]
        kinds = dict(ours)
        tables[table] = {"key": key and key[0], "types": kinds, "rows": rows[False], "deleted": rows[True]}
    json.dump(tables, sys.stdout)


main(sys.argv[1])
