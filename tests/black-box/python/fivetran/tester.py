"""Receives what a connector hands to Fivetran, in the place of the closed program that `fivetran debug` downloads for it.

`fivetran debug` is Fivetran's own: it loads the connector, checks it and what it says, and serves it over gRPC. Then it
starts a tester with --port, --working-dir, --state and --configuration. This one asks for the schema and the rows, as
Fivetran does, and leaves warehouse.db (DuckDB) and state.json in the working folder; the next sync goes on from there.
An upsert replaces a row, a delete marks it, and only a checkpoint makes anything last.

usage: tester.py --install HOME    puts it where `fivetran debug` of that home looks for its tester
"""

import json
import re
import sys
import tempfile
import time
from argparse import ArgumentParser
from pathlib import Path

import duckdb
import grpc
from fivetran_connector_sdk.protos import common_pb2, connector_sdk_pb2, connector_sdk_pb2_grpc
from fivetran_connector_sdk_common import constants

# For each type that a column may be declared with: DuckDB's type, and the field of a value in which it comes.
TYPES = {
    common_pb2.LONG: ("BIGINT", "long"),
    common_pb2.DOUBLE: ("DOUBLE", "double"),
    common_pb2.BOOLEAN: ("BOOLEAN", "bool"),
    common_pb2.STRING: ("VARCHAR", "string"),
    common_pb2.UTC_DATETIME: ("TIMESTAMPTZ", "utc_datetime"),
    common_pb2.NAIVE_DATE: ("DATE", "naive_date"),
    common_pb2.JSON: ("JSON", "json"),
}
# What Fivetran makes of a name that is not like this is another name.
NAME = re.compile(r"[a-z_][a-z0-9_]*")
OURS = {"_fivetran_deleted": "BOOLEAN", "_fivetran_synced": "TIMESTAMPTZ"}


class Table:
    """A declared table, and what waits for the next checkpoint: rows by key, or None for one that is deleted."""

    def __init__(self, declared):
        self.name = declared.name
        names = [declared.name, *(column.name for column in declared.columns)]
        assert all(NAME.fullmatch(name) for name in names), f"Fivetran would rename one of {names}"
        self.columns = {column.name: TYPES[column.type] for column in declared.columns}
        self.key = [column.name for column in declared.columns if column.primary_key]
        assert self.key, f"{self.name} has no primary key"
        self.waiting = {}

    def create(self, warehouse):
        columns = {name: kind for name, (kind, _) in self.columns.items()} | OURS
        columns = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
        warehouse.execute(f'CREATE TABLE IF NOT EXISTS "{self.name}" ({columns}, PRIMARY KEY ({quoted(self.key)}))')

    def take(self, record):
        row = {column: self.value(column, value) for column, value in record.data.items()}
        key = tuple(row[column] for column in self.key)
        assert None not in key, f"{self.name}: a row without a whole key"
        if record.type == common_pb2.DELETE:
            assert row.keys() == set(self.key), f"{self.name}: a delete names {list(row)}"
            row = None
        else:
            assert record.type == common_pb2.UPSERT, f"{self.name}: neither an upsert nor a delete"
            assert row.keys() == self.columns.keys(), f"{self.name}: an upsert of {list(row)}"
        self.waiting[key] = row

    def value(self, column, value):
        kind = value.WhichOneof("inner")
        if kind == "null":
            return None
        assert kind == self.columns[column][1], f"{self.name}.{column} comes as {kind}"
        if kind == "json":
            return json.loads(value.json)
        if kind == "utc_datetime":
            return value.utc_datetime.ToJsonString()
        return value.naive_date.ToJsonString()[:10] if kind == "naive_date" else getattr(value, kind)

    def flush(self, warehouse):
        rows = [row for row in self.waiting.values() if row is not None]
        gone = [dict(zip(self.key, key)) for key, row in self.waiting.items() if row is None]
        self.waiting.clear()
        if rows:
            names = list(self.columns)
            with self.source(rows, names) as source:
                warehouse.execute(
                    f'INSERT OR REPLACE INTO "{self.name}" ({quoted(names)}, {quoted(OURS)}) '
                    f"SELECT {quoted(names)}, FALSE, now() FROM {source.sql}"
                )
        if gone:
            same = " AND ".join(f't."{column}" = gone."{column}"' for column in self.key)
            with self.source(gone, self.key) as source:
                warehouse.execute(f'UPDATE "{self.name}" t SET _fivetran_deleted = TRUE FROM {source.sql} gone WHERE {same}')

    def source(self, rows, names):
        return Lines(rows, {name: self.columns[name][0] for name in names})


class Lines:
    """Rows in a file that DuckDB reads: many times faster than binding values row by row."""

    def __init__(self, rows, types):
        self.file = tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8")
        self.file.writelines(json.dumps(row) + "\n" for row in rows)
        self.file.flush()
        types = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
        self.sql = f"read_json('{self.file.name}', format='newline_delimited', columns={{{types}}})"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()


def quoted(names):
    return ", ".join(f'"{name}"' for name in names)


def sync(connector, folder, configuration, state):
    declared = connector.Schema(connector_sdk_pb2.SchemaRequest(configuration=configuration)).without_schema.tables
    tables = {table.name: Table(table) for table in declared}
    warehouse = duckdb.connect(str(folder / "warehouse.db"))
    for table in tables.values():
        table.create(warehouse)
    request = connector_sdk_pb2.UpdateRequest(configuration=configuration, state_json=json.dumps(state))
    counts = {"Upserts": 0, "Deletes": 0, "Checkpoints": 0}
    for response in connector.Update(request):
        kind = response.WhichOneof("operation")
        if kind == "checkpoint":
            warehouse.begin()
            for table in tables.values():
                table.flush(warehouse)
            warehouse.commit()
            (folder / "state.json").write_text(response.checkpoint.state_json)
            counts["Checkpoints"] += 1
            continue
        assert kind == "structured_records", f"the connector sent {kind}"
        for record in response.structured_records.structured_records:
            tables[record.table_name].take(record)
            counts["Deletes" if record.type == common_pb2.DELETE else "Upserts"] += 1
    assert not any(table.waiting for table in tables.values()), "rows came after the last checkpoint"
    for name, count in counts.items():
        print(f"{name} | {count}")


def install(home):
    root = home / constants.ROOT_LOCATION
    tester = root / constants.TESTER_LOCATION
    (tester / "bin").mkdir(parents=True)
    (tester / constants.VERSION_FILENAME).write_text(constants.TESTER_VERSION)
    # Nobody needs to be asked whether there is a newer release.
    (root / constants.LAST_VERSION_CHECK_FILE).write_text(str(int(time.time())))
    program = tester / "bin" / "java"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).resolve()}" "$@"\n')
    program.chmod(0o755)


def main():
    parser = ArgumentParser(allow_abbrev=False)
    parser.add_argument("--install", type=Path)
    parser.add_argument("--port", type=int)
    parser.add_argument("--working-dir", type=Path)
    parser.add_argument("--state", type=json.loads)
    parser.add_argument("--configuration", type=json.loads)
    # The rest names a Java archive, and what kinds of connectors there are.
    arguments, _ = parser.parse_known_args()
    if arguments.install:
        return install(arguments.install)
    saved = arguments.working_dir / "state.json"
    state = arguments.state or (json.loads(saved.read_text()) if saved.exists() else {})
    channel = grpc.insecure_channel(f"127.0.0.1:{arguments.port}", [("grpc.max_receive_message_length", -1)])
    connector = connector_sdk_pb2_grpc.SourceConnectorStub(channel)
    try:
        sync(connector, arguments.working_dir, arguments.configuration, state)
    except grpc.RpcError as error:
        sys.exit(f"the connector failed: {error.details()}")


if __name__ == "__main__":
    main()
