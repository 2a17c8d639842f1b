"""The tables that statements read and make: names and column types, no rows."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from zetasql.wasi._pb2.zetasql.proto import options_pb2, simple_catalog_pb2
from zetasql.wasi._pb2.zetasql.public import type_pb2

# BigQuery's names of the analyzer's types.
KINDS = {
    type_pb2.TYPE_INT64: "INT64", type_pb2.TYPE_DOUBLE: "FLOAT64", type_pb2.TYPE_BOOL: "BOOL", type_pb2.TYPE_STRING: "STRING",
    type_pb2.TYPE_BYTES: "BYTES", type_pb2.TYPE_DATE: "DATE", type_pb2.TYPE_TIMESTAMP: "TIMESTAMP", type_pb2.TYPE_DATETIME: "DATETIME",
    type_pb2.TYPE_TIME: "TIME", type_pb2.TYPE_NUMERIC: "NUMERIC", type_pb2.TYPE_BIGNUMERIC: "BIGNUMERIC", type_pb2.TYPE_JSON: "JSON",
    type_pb2.TYPE_INTERVAL: "INTERVAL", type_pb2.TYPE_GEOGRAPHY: "GEOGRAPHY",
}
NAMES = {name: kind for kind, name in KINDS.items()} | {
    # The older names, which the REST API still uses.
    "INTEGER": type_pb2.TYPE_INT64, "FLOAT": type_pb2.TYPE_DOUBLE, "BOOLEAN": type_pb2.TYPE_BOOL,
}
# What every dataset has besides its tables.
INFORMATION_SCHEMA = {
    "columns": {"table_catalog": "STRING", "table_schema": "STRING", "table_name": "STRING", "column_name": "STRING",
                "ordinal_position": "INT64", "is_nullable": "STRING", "data_type": "STRING"},
    "tables": {"table_catalog": "STRING", "table_schema": "STRING", "table_name": "STRING", "table_type": "STRING"},
}


@dataclass
class Relation:
    """A table or view."""

    columns: dict[str, type_pb2.TypeProto]
    kind: str = "TABLE"
    labels: dict = field(default_factory=dict)


class Catalog:
    """Datasets of relations; a name without a project is one of the default project."""

    def __init__(self, project: str):
        self.project = project
        self.datasets: dict[str, dict[str, Relation]] = {}
        # Where tables are looked up that their own dataset does not have.
        self.fallback = ""

    def find(self, name: str) -> Relation | None:
        """The relation named `dataset.table` or `project.dataset.table`."""
        parts = name.split(".")
        if len(parts) > 2 and parts[-2].lower() == "information_schema":
            columns = INFORMATION_SCHEMA.get(parts[-1].lower())
            return columns and Relation({name: parse_type(kind) for name, kind in columns.items()}, "VIEW")
        return self.own(name) or self.datasets.get(self.fallback, {}).get(self._place(name)[1])

    def own(self, name: str) -> Relation | None:
        """The relation of that name that its own dataset has."""
        dataset, table = self._place(name)
        return self.datasets.get(dataset, {}).get(table)

    def put(self, name: str, relation: Relation) -> None:
        dataset, table = self._place(name)
        self.datasets.setdefault(dataset, {})[table] = relation

    def drop(self, name: str) -> bool:
        dataset, table = self._place(name)
        return self.datasets.get(dataset, {}).pop(table, None) is not None

    def text(self) -> str:
        """All of it, for `take`."""
        return json.dumps({
            dataset: {name: [relation.kind, {column: kind.SerializeToString().hex() for column, kind in relation.columns.items()}] for name, relation in tables.items()}
            for dataset, tables in self.datasets.items()
        })

    def take(self, text: str) -> None:
        """Holds what another catalog held; labels are left out."""
        read = type_pb2.TypeProto.FromString
        self.datasets = {
            dataset: {name: Relation({column: read(bytes.fromhex(kind)) for column, kind in columns.items()}, of_kind) for name, (of_kind, columns) in tables.items()}
            for dataset, tables in json.loads(text).items()
        }

    def _place(self, name: str) -> tuple[str, str]:
        parts = name.split(".")
        if len(parts) == 3 and parts[0] == self.project:
            parts = parts[1:]
        return (parts[0], parts[1]) if len(parts) == 2 else ("", name)

    def proto(self, paths: list[tuple[str, ...]], language) -> simple_catalog_pb2.SimpleCatalogProto:
        """What the analyzer needs for one statement: only the relations that it names, spelled as it spells them."""
        root = simple_catalog_pb2.SimpleCatalogProto(
            name="bigquery", builtin_function_options=options_pb2.ZetaSQLBuiltinFunctionOptionsProto(language_options=language)
        )
        for path in dict.fromkeys(paths):
            relation = self.find(".".join(path))
            if relation is None:
                continue
            parent = root
            for part in path[:-1]:
                parent = next((child for child in parent.catalog if child.name == part), None) or parent.catalog.add(name=part)
            table = parent.table.add(name=path[-1])
            for column, kind in relation.columns.items():
                table.column.add(name=column, type=kind)
        return root


def parse_type(text: str) -> type_pb2.TypeProto:
    """A type as BigQuery writes it, such as ARRAY<INT64>, without STRUCTs."""
    text = text.strip().upper()
    array = re.fullmatch(r"ARRAY<(.+)>", text)
    if array:
        proto = type_pb2.TypeProto(type_kind=type_pb2.TYPE_ARRAY)
        proto.array_type.element_type.CopyFrom(parse_type(array[1]))
        return proto
    if text not in NAMES:
        raise ValueError(f"unknown column type {text!r}")
    return type_pb2.TypeProto(type_kind=NAMES[text])


def type_name(kind: type_pb2.TypeProto) -> str:
    """A type as BigQuery writes it."""
    if kind.type_kind == type_pb2.TYPE_ARRAY:
        return f"ARRAY<{type_name(kind.array_type.element_type)}>"
    if kind.type_kind == type_pb2.TYPE_STRUCT:
        return "STRUCT<" + ", ".join(f"{part.field_name} {type_name(part.field_type)}" for part in kind.struct_type.field) + ">"
    return KINDS.get(kind.type_kind, type_pb2.TypeKind.Name(kind.type_kind))


def rest_type(field: dict) -> type_pb2.TypeProto:
    """The type of a column in the form of BigQuery's REST API."""
    return parse_type(f"ARRAY<{field['type']}>" if field.get("mode") == "REPEATED" else field["type"])


def rest_field(name: str, kind: type_pb2.TypeProto) -> dict:
    """A column in the form of BigQuery's REST API."""
    mode, single = "NULLABLE", kind
    if kind.type_kind == type_pb2.TYPE_ARRAY:
        mode, single = "REPEATED", kind.array_type.element_type
    if single.type_kind == type_pb2.TYPE_STRUCT:
        parts = [rest_field(part.field_name, part.field_type) for part in single.struct_type.field]
        return {"name": name, "type": "RECORD", "mode": mode, "fields": parts}
    older = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN"}
    return {"name": name, "type": older.get(type_name(single), type_name(single)), "mode": mode}
