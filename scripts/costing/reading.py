"""Which columns of which tables a statement reads, and how many bytes of them. Needs sqlglot.

BigQuery bills a statement for the columns that it reads, of the partitions and blocks that constants leave, whatever it does with them, and
for each column once, however often the statement names it. A MERGE, UPDATE or DELETE is also billed for all columns of the partitions of the
table that it changes. https://cloud.google.com/bigquery/docs/reference/standard-sql/dml-syntax#on-demand_query_size_calculation
"""

from __future__ import annotations

import datetime

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.pushdown_predicates import pushdown_predicates
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema

import sizes
from pruning import Layout, Part, conditions, kept

DIALECT = "bigquery"


# What a statement reads of a table: of each column, every part for which it is named.
Read = dict[str, set[Part]]


class Catalog:
    """Tables with the types of their columns, views with their statements, and layouts. Names are `dataset.table`."""

    def __init__(self, tables: dict[str, dict[str, str]], layouts: dict[str, Layout] | None = None, now: datetime.datetime | None = None):
        self.tables, self.layouts, self.views = dict(tables), dict(layouts or {}), {}
        self.now = now or datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        self._nested: dict[str, dict] = {}

    def learn(self, statement: exp.Expression) -> None:
        """Takes note of a statement that makes a table or view."""
        if not isinstance(statement, exp.Create) or not isinstance(statement.expression, exp.Query):
            return
        name = name_of(statement.this.find(exp.Table) or statement.this)
        if statement.kind == "VIEW":
            self.views[name] = statement.expression
            return
        layout = Layout()
        for part in statement.find_all(exp.PartitionedByProperty):
            column = part.find(exp.Column)
            layout.partition = column.name if column else ""
        for part in statement.find_all(exp.ClusterProperty):
            layout.cluster = [column.name for column in part.find_all(exp.Column)]
        self.layouts[name] = layout

    def schema(self) -> MappingSchema:
        nested: dict = {}
        for name, columns in self.tables.items():
            dataset, _, table = name.partition(".")
            # Names are in lower case, as sqlglot's are.
            nested.setdefault(dataset, {})[table] = {column.lower(): "STRING" for column in columns}
        return MappingSchema(nested, dialect=DIALECT, normalize=False)


def statements(sql: str) -> list[exp.Expression]:
    """The statements of a script."""
    return [statement for statement in sqlglot.parse(sql, dialect=DIALECT) if statement is not None]


def name_of(table: exp.Table) -> str:
    """A table's name without its project."""
    return f"{table.db}.{table.name}"


def reads(statement: exp.Expression, catalog: Catalog) -> dict[str, Read]:
    """What a statement reads, by table; nothing of one that makes a view or an empty table."""
    if isinstance(statement, exp.Merge):
        return of_merge(statement, catalog)
    if isinstance(statement, (exp.Delete, exp.Update)):
        return of_change(statement, catalog)
    if isinstance(statement, exp.Create) and statement.kind == "VIEW":
        return {}
    query = statement if isinstance(statement, exp.Query) else statement.expression if isinstance(statement, (exp.Create, exp.Insert)) else None
    return of_query(query, catalog) if isinstance(query, exp.Query) else {}


def of_query(query: exp.Query, catalog: Catalog) -> dict[str, Read]:
    found: dict[str, Read] = {}
    query = with_views(query.copy(), catalog)
    query = qualify(query, schema=catalog.schema(), dialect=DIALECT, validate_qualify_columns=False, quote_identifiers=False, qualify_columns=True)
    # `to_json_string(t)` is of all columns of t, which sqlglot does not follow into subqueries.
    has_rows = query.find(exp.TableColumn) is not None
    query = pushdown_predicates(query if has_rows else pushdown_projections(query), dialect=DIALECT)
    if is_never(query):
        return {}
    for scope in traverse_scope(query):
        for alias, source in scope.sources.items():
            if not isinstance(source, exp.Table) or name_of(source) not in catalog.tables:
                continue
            name = name_of(source)
            columns = {column.name for column in scope.columns if column.table == alias}
            stars = (star for star in scope.expression.find_all(exp.Star) if isinstance(star.parent, exp.Select))
            is_whole = any(stars) or any(row.name == alias for row in scope.expression.find_all(exp.TableColumn))
            known = {column.lower(): column for column in catalog.tables[name]}
            wanted = set(known.values()) if is_whole else {known[column.lower()] for column in columns if column.lower() in known}
            add(found, name, wanted, kept(conditions(scope), alias, catalog.layouts.get(name, Layout()), catalog.now))
    return found


def is_never(query: exp.Query) -> bool:
    """Whether a query asks for columns alone, as dbt does to learn them: `where false` reads nothing."""
    where = query.args.get("where")
    return where is not None and any(isinstance(part, exp.Boolean) and not part.this for part in [where.this, *where.this.flatten()])


def with_views(query: exp.Query, catalog: Catalog) -> exp.Query:
    """The query with the statements of views in their place."""
    for table in list(query.find_all(exp.Table)):
        view = catalog.views.get(name_of(table)) if table.db else None
        if view is None:
            continue
        inner = exp.Subquery(this=with_views(view.copy(), catalog), alias=exp.TableAlias(this=exp.to_identifier(table.alias or table.name)))
        for key in ("joins", "laterals"):
            if table.args.get(key):
                inner.set(key, table.args[key])
        table.replace(inner)
    return query


def of_merge(merge: exp.Merge, catalog: Catalog) -> dict[str, Read]:
    target, source = merge.this, merge.args["using"]
    alias = target.alias or target.name
    if isinstance(source, exp.Subquery):
        found = of_query(source.this, catalog)
    else:
        found = of_query(exp.select("*").from_(exp.Table(this=source.this, db=source.args.get("db"))), catalog)
    name = name_of(target)
    parts = list(merge.args["on"].flatten()) if isinstance(merge.args["on"], exp.And) else [merge.args["on"]]
    layout = catalog.layouts.get(name, Layout())
    part = kept(parts, alias, layout, catalog.now)
    changes = any(not isinstance(when.args["then"], exp.Insert) for when in merge.args["whens"].expressions)
    columns = set(catalog.tables.get(name, {})) if changes else {column.name for column in merge.args["on"].find_all(exp.Column) if column.table == alias}
    add(found, name, columns, part)
    return found


def of_change(statement: exp.Expression, catalog: Catalog) -> dict[str, Read]:
    name = name_of(statement.this)
    found: dict[str, Read] = {}
    for query in statement.find_all(exp.Select):
        join(found, of_query(query, catalog))
    add(found, name, set(catalog.tables.get(name, {})), Part())
    return found


def add(found: dict[str, Read], name: str, columns: set[str], part: Part) -> None:
    """Notes that a part of columns is read."""
    read = found.setdefault(name, {})
    for column in columns:
        read.setdefault(column, set()).add(part)


def join(found: dict[str, Read], other: dict[str, Read]) -> None:
    """Adds what is read elsewhere in the same job: each column counts once."""
    for name, read in other.items():
        mine = found.setdefault(name, {})
        for column, parts in read.items():
            mine.setdefault(column, set()).update(parts)


def bytes_of(name: str, read: Read, catalog: Catalog, merge_requests: int, changed: float = sizes.CHANGED) -> float:
    """Bytes that are read of a table; `changed` is the part of merge requests that changed before a build. Of a column that is read several
    times in parts, the largest counts."""
    columns, layout = catalog.tables[name], catalog.layouts.get(name, Layout())
    rows = sizes.rows(name.partition(".")[2], merge_requests, changed)
    size = rows * sum(sizes.width(column, kind) for column, kind in columns.items())
    return sum(rows * sizes.width(column, columns[column]) * max(part.of(layout, size) for part in parts) for column, parts in read.items())


def billed(found: dict[str, Read], catalog: Catalog, merge_requests: int, changed: float = sizes.CHANGED) -> float:
    """Bytes that a statement is billed for, which reads that: 10 MB for each table at least."""
    return sum(max(bytes_of(name, read, catalog, merge_requests, changed), sizes.LEAST) for name, read in found.items())
