"""Which part of a table constants in a statement's conditions leave to be read: months of a partitioned one, values of a clustered one."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field

from sqlglot import exp

import sizes


@dataclass
class Layout:
    """How a table is kept: the column by whose months it is partitioned, and those that it is clustered by."""

    partition: str = ""
    cluster: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Part:
    """Which part of a table's rows is read: that of its partitions, between 0 and 1, and of a clustered table, values of a column (None: any)."""

    partitions: float = 1.0
    column: str = ""
    values: frozenset[str] | None = None

    def of(self, layout: Layout, size: float) -> float:
        """The part of all rows, of a table of that many bytes."""
        if self.values is None or not size:
            return self.partitions
        block, whole = sizes.BLOCK / max(size, sizes.BLOCK), self.partitions
        if self.column in sizes.SPREAD:
            # What every partition has.
            shares = sum(sizes.SHARES.get(self.column, {}).get(value.strip("'"), 0) for value in self.values)
            return min(whole, max(shares, block * (sizes.MONTHS if layout.partition else 1)) * whole)
        # Ids: each stands in a block, and as they grow with time, in that of one partition.
        return min(whole, len(self.values) * block)


def conditions(scope) -> list[exp.Expression]:
    """What every row that is read must fulfil, as far as constants say so."""
    parts: list[exp.Expression] = []
    expression = scope.expression
    for clause in [expression.args.get("where")] + [join.args.get("on") for join in expression.args.get("joins") or [] if join.side in ("", None)]:
        if clause is not None:
            condition = clause.this if isinstance(clause, exp.Where) else clause
            parts += list(condition.flatten()) if isinstance(condition, exp.And) else [condition]
    return parts


def kept(parts: list[exp.Expression], alias: str, layout: Layout, now: datetime.datetime) -> Part:
    """What conditions leave of a table: the partitions that they name, and of the cluster columns before the first that they do not, the last."""
    named: dict[str, frozenset[str]] = {}
    months = [(now.year * 12 + now.month - 1) - age for age in range(sizes.MONTHS)]
    left = set(months)
    for condition in parts:
        condition = condition.unnest()
        if layout.partition:
            allowed = months_of(condition, alias, layout.partition, now)
            if allowed is not None:
                left &= {month for month in months if any(low <= month <= high for low, high in allowed)}
        for column in layout.cluster:
            values = values_of(condition, alias, column)
            if values is not None:
                named[column] = values & named.get(column, values)
    found = Part(len(left) / len(months))
    for column in layout.cluster:
        if column not in named:
            break
        found = Part(found.partitions, column, named[column])
    return found


def values_of(condition: exp.Expression, alias: str, column: str) -> frozenset[str] | None:
    """The constants that a condition allows a column to be; None: any."""
    if isinstance(condition, exp.EQ):
        for one, other in ((condition.this, condition.expression), (condition.expression, condition.this)):
            if is_column(one, alias, column) and not other.find(exp.Column):
                return frozenset([other.sql()])
    if isinstance(condition, exp.In) and is_column(condition.this, alias, column) and condition.expressions and not condition.args.get("query"):
        return frozenset(value.sql() for value in condition.expressions)
    return None


def months_of(condition: exp.Expression, alias: str, column: str, now: datetime.datetime) -> list[tuple[int, int]] | None:
    """The months, numbered from year 0, that a condition allows a column to be in, as ranges; None: any."""
    condition = condition.unnest()
    if isinstance(condition, exp.Or):
        found = [months_of(part, alias, column, now) for part in condition.flatten()]
        return None if any(part is None for part in found) else [span for part in found for span in part]
    if isinstance(condition, exp.And):
        spans = None
        for part in condition.flatten():
            more = months_of(part, alias, column, now)
            if more is not None:
                spans = more if spans is None else [(max(a, c), min(b, d)) for a, b in spans for c, d in more if max(a, c) <= min(b, d)]
        return spans
    if isinstance(condition, exp.Is) and is_column(condition.this, alias, column) and isinstance(condition.expression, exp.Null):
        return []
    if isinstance(condition, (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.EQ)):
        flipped = {exp.GT: exp.LT, exp.GTE: exp.LTE, exp.LT: exp.GT, exp.LTE: exp.GTE, exp.EQ: exp.EQ}
        for one, other, kind in ((condition.this, condition.expression, type(condition)), (condition.expression, condition.this, flipped[type(condition)])):
            at = constant(other, now) if is_column(one, alias, column) else None
            if at is not None:
                month, first = at.year * 12 + at.month - 1, at == datetime.datetime(at.year, at.month, 1)
                if kind in (exp.GT, exp.GTE):
                    return [(month, 1 << 30)]
                if kind is exp.EQ:
                    return [(month, month)]
                return [(0, month - 1 if first and kind is exp.LT else month)]
    return None


def is_column(node: exp.Expression, alias: str, column: str) -> bool:
    return isinstance(node, exp.Column) and node.table == alias and node.name == column


def constant(node: exp.Expression, now: datetime.datetime) -> datetime.datetime | None:
    """The moment that a constant expression stands for."""
    node = node.unnest()
    if isinstance(node, (exp.CurrentTimestamp, exp.CurrentDate)):
        return now
    if isinstance(node, (exp.TimestampSub, exp.DateSub, exp.TimestampAdd, exp.DateAdd)):
        at, unit = constant(node.this, now), str(node.args.get("unit") or "DAY").upper()
        try:
            amount = int(node.expression.name)
        except ValueError:
            return None
        days = {"HOUR": amount / 24, "DAY": amount, "WEEK": amount * 7, "MINUTE": amount / 1440, "MONTH": amount * 30.4}.get(unit)
        if at is None or days is None:
            return None
        return at + datetime.timedelta(days=days) * (1 if isinstance(node, (exp.TimestampAdd, exp.DateAdd)) else -1)
    if isinstance(node, (exp.Cast, exp.Timestamp, exp.TsOrDsToTimestamp, exp.StrToTime, exp.Date)) and node.this is not None:
        return constant(node.this, now)
    if isinstance(node, exp.Literal) and node.is_string:
        try:
            return datetime.datetime.fromisoformat(node.name[:19])
        except ValueError:
            return None
    return None
