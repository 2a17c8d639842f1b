"""A stand-in for the part of Fivetran's Connector SDK that our connector uses, so that testing it needs nothing of theirs.

It follows their documentation: what is declared is checked, an upsert replaces a row, a delete marks it, and only a
checkpoint makes anything last. Run as a program it syncs the connector of the current folder once:

usage: fivetran_connector_sdk.py CONFIGURATION.json

Tables and state lie below `files`, and the next run goes on from there.
"""

import importlib.util
import json
import sys
from datetime import datetime
from pathlib import Path

FILES = Path("files")
TESTS = {
    "LONG": lambda value: isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63,
    "DOUBLE": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "BOOLEAN": lambda value: isinstance(value, bool),
    "STRING": lambda value: isinstance(value, str),
    # Read as the SDK reads them, which knows fewer forms than Python.
    "UTC_DATETIME": lambda value: datetime.strptime(value, f"%Y-%m-%dT%H:%M:%S{'.%f' if '.' in value else ''}%z"),
    "NAIVE_DATE": lambda value: datetime.strptime(value, "%Y-%m-%d"),
    "JSON": lambda value: isinstance(value, (dict, list)),
}


class Destination:
    """Where rows go: tables by name, their rows by key."""

    def __init__(self):
        self.tables, self.waiting = {}, []
        self.counts = {"Upserts": 0, "Deletes": 0, "Checkpoints": 0}

    def declare(self, tables: list):
        names = [table["table"].strip() for table in tables]
        assert all(names) and len(set(names)) == len(names), f"a table has no name, or two have one: {names}"
        for table in tables:
            known = self.tables.setdefault(table["table"], {"rows": {}, "deleted": {}})
            unknown = set(table["columns"].values()) - TESTS.keys()
            assert not unknown, f"there are no types {unknown}"
            assert set(table["primary_key"]) <= table["columns"].keys(), f"{table['table']}: a key without a column"
            known.update(key=table["primary_key"], types=table["columns"])

    def check(self, table: str, row: dict):
        types = self.tables[table]["types"]
        for column, value in row.items():
            kind = types[column]
            assert value is None or TESTS[kind](value), f"{table}.{column} is no {kind}: {value!r}"
        key = [row[column] for column in self.tables[table]["key"]]
        assert None not in key, f"{table}: a row without a whole key"
        return json.dumps(key)

    def flush(self):
        for table, key, row in self.waiting:
            rows, deleted = self.tables[table]["rows"], self.tables[table]["deleted"]
            if row is not None:
                rows[key] = row
                deleted.pop(key, None)
            elif key in rows:
                deleted[key] = rows.pop(key)
        self.waiting.clear()

    def save(self, state: dict):
        FILES.mkdir(exist_ok=True)
        (FILES / "state.json").write_text(json.dumps(state))
        (FILES / "tables.json").write_text(json.dumps(self.tables))

    def load(self) -> dict:
        if not (FILES / "state.json").exists():
            return {}
        self.tables = json.loads((FILES / "tables.json").read_text())
        return json.loads((FILES / "state.json").read_text())


DESTINATION = Destination()


class Operations:
    @staticmethod
    def upsert(table: str, data: dict):
        DESTINATION.waiting.append((table, DESTINATION.check(table, data), data))
        DESTINATION.counts["Upserts"] += 1

    @staticmethod
    def delete(table: str, keys: dict):
        assert sorted(keys) == sorted(DESTINATION.tables[table]["key"]), f"{table} has another key than {list(keys)}"
        DESTINATION.waiting.append((table, DESTINATION.check(table, keys), None))
        DESTINATION.counts["Deletes"] += 1

    @staticmethod
    def checkpoint(state: dict):
        DESTINATION.flush()
        DESTINATION.save(state)
        DESTINATION.counts["Checkpoints"] += 1


class Logging:
    info = warning = error = staticmethod(lambda message: print(message, flush=True))


class Connector:
    def __init__(self, update, schema):
        self.update, self.schema = update, schema


def main(configuration: str):
    # The connector imports this file by its name: both must be one module.
    sys.modules["fivetran_connector_sdk"] = sys.modules["__main__"]
    spec = importlib.util.spec_from_file_location("connector", "connector.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    configuration = json.loads(Path(configuration).read_text())
    assert all(isinstance(value, str) for value in configuration.values()), "configuration values are texts"
    state = DESTINATION.load()
    DESTINATION.declare(module.connector.schema(configuration))
    module.connector.update(configuration=configuration, state=state)
    assert not DESTINATION.waiting, "rows came after the last checkpoint"
    for name, count in DESTINATION.counts.items():
        print(f"{name} | {count}")


if __name__ == "__main__":
    main(sys.argv[1])
