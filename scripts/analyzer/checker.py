"""Checks scripts statement by statement, and keeps the catalog as they would change it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from catalog import Catalog, Relation, rest_field, type_name
from engine import Engine, SqlError
from values import rest_value


@dataclass
class Outcome:
    """What a script's last statement gives."""

    kind: str = "SELECT"
    fields: list[dict] = field(default_factory=list)
    rows: list[dict] = field(default_factory=list)


class Checker:
    """The analyzer with a catalog that statements fill."""

    def __init__(self, project: str, engine: Engine | None = None):
        self.engine = engine or Engine()
        self.catalog = Catalog(project)
        self.counts: Counter[str] = Counter()

    def run(self, script: str, evaluate: bool = True) -> Outcome:
        """Checks a script. Its queries are computed too if `evaluate`, with every table taken as empty.

        Raises SqlError at the first statement that BigQuery would not take.
        """
        outcome, position, length = Outcome(), 0, len(script.encode())
        if not without_comments(script):
            raise SqlError("the statement is empty")
        while position < length and without_comments(script.encode()[position:].decode()):
            outcome, position = self._statement(script, position, evaluate)
        return outcome

    def _statement(self, script: str, position: int, evaluate: bool) -> tuple[Outcome, int]:
        paths = self.engine.table_names(script, position) or altered(script.encode()[position:].decode())
        if evaluate and re.match(r"(?is)\s*(select|with)\b", without_leading_comments(script[position:])):
            # The evaluator analyses first: one pass is enough, and a query that dbt sends stands alone.
            outcome = self._query(script, paths)
            self.counts[outcome.kind] += 1
            return outcome, len(script.encode())
        proto = self.catalog.proto(paths, self.engine.language)
        resolved, end = self.engine.analyze(script, position, proto)
        kind = resolved.WhichOneof("node")
        node = getattr(resolved, kind)
        name = STATEMENTS.get(kind)
        if name is None:
            raise SqlError(f"the checker does not know statements of the kind {kind}")
        outcome = Outcome(name)
        if name == "SELECT":
            outcome.fields = [rest_field(column.name, column.column.type) for column in node.output_column_list]
        elif name == "CREATE":
            outcome.kind = self._create(node)
        elif name == "DROP":
            self._drop(node)
        elif name == "ALTER":
            self._add_columns(node)
        self.counts[outcome.kind] += 1
        return outcome, end

    def _query(self, sql: str, paths: list[tuple[str, ...]]) -> Outcome:
        # The evaluator finds rows, or their absence, only for tables with a name of one part.
        for path in paths:
            parts = r"`?\.`?".join(re.escape(part) for part in path)
            sql = re.sub(rf"(?<![\w.`])`?{parts}`?(?![\w`])", "`" + ".".join(path) + "`", sql)
        proto = self.catalog.proto([(".".join(path),) for path in paths], self.engine.language)
        columns, rows = self.engine.evaluate(sql.rstrip().rstrip(";"), proto)
        kinds = [column.type for column in columns]
        cells = [{"f": [{"v": rest_value(cell, kind)} for cell, kind in zip(row.cell, kinds)]} for row in rows]
        return Outcome("SELECT", [rest_field(column.name, column.type) for column in columns], cells)

    def _create(self, node) -> str:
        kind = node.WhichOneof("node")
        inner = getattr(node, kind)
        if kind == "resolved_create_schema_stmt_base_node":
            schema = inner.resolved_create_schema_stmt_node
            self.catalog.datasets.setdefault(schema.parent.parent.name_path[-1], {})
            return "CREATE_SCHEMA"
        if kind == "resolved_create_view_base_node":
            view = inner.resolved_create_view_stmt_node.parent
            columns = {column.name: column.column.type for column in view.output_column_list}
            return self._put(view.parent, columns, "VIEW")
        if kind == "resolved_create_table_stmt_base_node":
            table = getattr(inner, inner.WhichOneof("node")).parent
            columns = {column.name: column.type for column in table.column_definition_list}
            return self._put(table.parent, columns, "TABLE")
        raise SqlError(f"the checker does not know statements of the kind {kind}")

    def _put(self, statement, columns: dict, kind: str) -> str:
        name = ".".join(statement.name_path)
        found = self.catalog.own(name)
        replaces = "CREATE_OR_REPLACE" in str(statement)
        if found and found.kind != kind and replaces:
            raise SqlError(f"{name} is not a {kind}: it cannot be replaced by one")
        if found and not replaces and "CREATE_IF_NOT_EXISTS" not in str(statement):
            raise SqlError(f"Already Exists: {name}")
        for column, found_type in columns.items():
            if "TYPE_" in type_name(found_type):
                raise SqlError(f"column {column} of {name} has no type that BigQuery stores: {type_name(found_type)}")
        self.catalog.put(name, Relation(columns, kind))
        return f"CREATE_{kind}"

    def _drop(self, node) -> None:
        name = ".".join(node.name_path)
        if not self.catalog.drop(name) and not node.is_if_exists:
            raise SqlError(f"Table not found: {name}")

    def _add_columns(self, node) -> None:
        if node.WhichOneof("node") != "resolved_alter_table_stmt_node":
            raise SqlError("of ALTER the checker knows tables alone")
        statement = node.resolved_alter_table_stmt_node.parent
        name = ".".join(statement.name_path)
        relation = self.catalog.find(name)
        if relation is None:
            raise SqlError(f"Table not found: {name}")
        for action in statement.alter_action_list:
            if action.WhichOneof("node") != "resolved_add_column_action_node":
                raise SqlError("of ALTER TABLE the checker knows ADD COLUMN alone")
            added = action.resolved_add_column_action_node
            column = added.column_definition
            if column.name in relation.columns and not added.is_if_not_exists:
                raise SqlError(f"Column already exists: {column.name}")
            relation.columns.setdefault(column.name, column.type)


# The statements that the catalog can follow, and BigQuery's names of them.
STATEMENTS = {
    "resolved_query_stmt_node": "SELECT", "resolved_create_statement_node": "CREATE", "resolved_drop_stmt_node": "DROP",
    "resolved_merge_stmt_node": "MERGE", "resolved_insert_stmt_node": "INSERT", "resolved_update_stmt_node": "UPDATE",
    "resolved_delete_stmt_node": "DELETE", "resolved_begin_stmt_node": "BEGIN", "resolved_commit_stmt_node": "COMMIT",
    "resolved_truncate_stmt_node": "TRUNCATE", "resolved_alter_object_stmt_node": "ALTER",
}


def altered(statement: str) -> list[tuple[str, ...]]:
    """The table of an ALTER TABLE, which the analyzer does not tell among the names of a statement."""
    found = re.match(r"(?is)\s*alter\s+table\s+(?:if\s+exists\s+)?((?:`[^`]+`|[\w-]+)(?:\.(?:`[^`]+`|[\w-]+))*)", statement)
    return [tuple(part.strip("`") for part in re.findall(r"`[^`]+`|[\w-]+", found[1]))] if found else []


def without_leading_comments(sql: str) -> str:
    return re.sub(r"(?s)\A(\s|/\*.*?\*/|--[^\n]*\n|#[^\n]*\n)+", "", sql)


def without_comments(sql: str) -> str:
    """What is left of a text without comments, blanks and semicolons; good enough to see whether anything is."""
    return re.sub(r"(?s)/\*.*?\*/|--[^\n]*|#[^\n]*|[\s;]", "", sql)
