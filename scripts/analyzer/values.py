"""The evaluator's values in the form of BigQuery's REST API."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from zetasql.wasi._pb2.zetasql.public import type_pb2, value_pb2


def rest_value(value: value_pb2.ValueProto, kind: type_pb2.TypeProto):
    """A cell's `v`: text, None, or lists and records of the same."""
    which = value.WhichOneof("value")
    if which is None:
        return [] if kind.type_kind == type_pb2.TYPE_ARRAY else None
    raw = getattr(value, which)
    if kind.type_kind == type_pb2.TYPE_ARRAY:
        return [{"v": rest_value(item, kind.array_type.element_type)} for item in raw.element]
    if kind.type_kind == type_pb2.TYPE_STRUCT:
        return {"f": [{"v": rest_value(item, part.field_type)} for item, part in zip(raw.field, kind.struct_type.field)]}
    if kind.type_kind == type_pb2.TYPE_BOOL:
        return "true" if raw else "false"
    if kind.type_kind == type_pb2.TYPE_TIMESTAMP:
        return str(raw.seconds * 1_000_000 + raw.nanos // 1000)
    if kind.type_kind == type_pb2.TYPE_DATE:
        return (date(1970, 1, 1) + timedelta(days=raw)).isoformat()
    if kind.type_kind == type_pb2.TYPE_NUMERIC:
        # Two's complement, little endian, in billionths.
        return str(Decimal(int.from_bytes(raw, "little", signed=True)) / 10**9)
    return raw if isinstance(raw, str) else str(raw)
