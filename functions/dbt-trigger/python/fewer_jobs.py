"""What a run would ask BigQuery for more often than it needs to: there each job takes about a second, and each request counts.

This text stands between shortcuts.py's and worker.py's in one program. Its steps are taken like the others there: only in a dbt
whose insides were read, and only where each function takes what it took there.

- Data tests of one model that are ready at the same time are one job. Each is still run by dbt in the ordinary way, in a thread and with an
  outcome of its own; only its statement is answered from what was asked for together.
- A view is not made again if its statement is what it was made by. A label of the view holds the statement's hash.
- Partitions and clusters of tables stand in the list with which dbt begins; it asks for each table once more before it replaces one.
- How many rows a SELECT has given stands in its answer; dbt asks for the table that holds them.
"""

import dataclasses
import hashlib
import re
import threading
import types

# What may be asked for together. BigQuery takes a statement of a million characters.
MOST_TESTS, MOST_CHARACTERS = 50, 400_000
# The label of a view that names the statement by which it was made.
VIEW_LABEL = "dbt_sql"
# How dbt begins the statement of a view without options of its own.
PLAIN_VIEW = re.compile(r"(?P<begin>\s*create or replace view (?P<name>`[^`]+`\.`[^`]+`\.`[^`]+`)\s+)OPTIONS\(\s*\)", re.IGNORECASE)


class Asked(Exception):
    """Ends a test where it would ask, with its statement."""


class FewerJobs:
    def __init__(self):
        self.lock = threading.Lock()
        self.thread = threading.local()
        # What dbt has still to do.
        self.queue = None
        # For each group of tests that can be asked for together a lock; who holds it asks for the others.
        self.groups = {}
        # Tests that were part of a group, whatever came of it, and answers that wait for their test, by statement.
        self.grouped = set()
        self.answers = {}
        # Views that are there, and the hash in the label of each.
        self.views = {}
        # Tables as they were when the run began, until each is asked about.
        self.listed = {}

    # Data tests.

    def ask_together(self, runner, test, manifest):
        """Asks for this test and all that are ready like it, unless another one has."""
        group = group_of(test)
        with self.lock:
            lock = self.groups.setdefault(group, threading.Lock())
        with lock:
            if test.unique_id in self.grouped or not can_be_grouped(test):
                return
            tests = self.ready(group, manifest)
            self.grouped.update(test.unique_id for test in tests)
            try:
                self.ask(runner, tests, manifest)
            except Exception as e:
                # Each is asked for alone then, and has the error that is its own.
                debug(f"data tests could not be asked for together: {type(e).__name__}: {e}")

    def ready(self, group, manifest):
        with self.queue.lock:
            ids = self.queue.queued | self.queue.in_progress
        nodes = [manifest.nodes[id] for id in sorted(ids - self.grouped) if id in manifest.nodes]
        tests = [node for node in nodes if node.resource_type == "test" and group_of(node) == group and can_be_grouped(node)]
        return tests[:MOST_TESTS]

    def ask(self, runner, tests, manifest):
        statements, length = [], 0
        for test in tests:
            statement = self.statement_of(runner, test, manifest)
            length += len(statement or "")
            if statement and statement not in statements and length < MOST_CHARACTERS:
                statements.append(statement)
        if len(statements) < 2:
            return
        parts = [
            f"select 't{number}' as test, failures, should_warn, should_error from (\n{statement}\n)"
            for number, statement in enumerate(statements)
        ]
        response, table = runner.adapter.connections.execute("\nunion all\n".join(parts), fetch=True)
        rows = {row["test"]: row for row in table.rows}
        if len(rows) != len(statements):
            raise ValueError(f"{len(rows)} answers to {len(statements)} tests")
        response = dataclasses.replace(response, rows_affected=1)
        for number, statement in enumerate(statements):
            row = table.where(lambda row, name=f"t{number}": row["test"] == name).exclude(["test"])
            self.answers[statement] = (response, row)
            # What the job has cost counts once.
            response = dataclasses.replace(response, bytes_processed=0, bytes_billed=0, slot_ms=0)

    def statement_of(self, runner, test, manifest):
        """What dbt would ask for a test; nothing if that can't be told."""
        from dbt.clients.jinja import MacroGenerator
        from dbt.context.providers import generate_runtime_model_context

        # A copy: the test's own thread may be compiling it.
        test = runner.compiler.compile_node(copy_of(test), manifest, {}, write=False)
        macro = manifest.find_materialization_macro_by_name(runner.config.project_name, test.get_materialization(), runner.adapter.type())
        # Another one may do more than ask.
        if macro is None or macro.package_name != "dbt":
            return None
        context = generate_runtime_model_context(test, runner.config, manifest)
        self.thread.only_tell = True
        try:
            MacroGenerator(macro, context)()
        except Asked as asked:
            return str(asked)
        finally:
            self.thread.only_tell = False
        return None

    # Views.

    def note_view(self, table):
        if table is not None and table.table_type == "VIEW":
            name = f"`{table.project}`.`{table.dataset_id}`.`{table.table_id}`"
            self.views[name] = (table.labels or {}).get(VIEW_LABEL)

    def labelled(self, statement):
        """The statement of a view with its label, and whether the view that is there was made by it."""
        found = PLAIN_VIEW.match(statement)
        if not found:
            return statement, False
        digest = hashlib.sha256(statement.strip().encode()).hexdigest()[:40]
        label = f"OPTIONS(labels=[('{VIEW_LABEL}', '{digest}')])"
        return found["begin"] + label + statement[found.end():], self.views.get(found["name"]) == digest

    # Tables.

    def is_replaceable(self, ordinary, adapter, relation, partition, cluster):
        """Whether BigQuery replaces a table by such a one. If the list does not say so, the table does."""
        listed = relation and self.listed.pop((relation.database, relation.schema, relation.identifier), None)
        if listed and adapter._partitions_match(listed, partition) and adapter._clusters_match(listed, cluster):
            return True
        return ordinary(adapter, relation, partition, cluster)

    # Statements.

    def execute(self, ordinary, connections, sql, auto_begin, fetch, limit):
        if getattr(self.thread, "only_tell", False):
            raise Asked(sql)
        if fetch and (answer := self.answers.pop(sql, None)):
            return answer
        sql, stands = self.labelled(sql)
        if stands and not full_refresh():
            return unchanged_view()
        return ordinary(connections, sql, auto_begin, fetch, limit)

    def note_rows(self, answer):
        job, rows = answer
        told = job.statement_type == "SELECT" and isinstance(rows.total_rows, int)
        self.thread.counted = (job.destination, rows.total_rows) if told else None
        return answer

    def counted(self, table):
        """What dbt wants to know of a SELECT's rows, if it asks for those just given."""
        destination, rows = getattr(self.thread, "counted", None) or (None, None)
        self.thread.counted = None
        return types.SimpleNamespace(num_rows=rows) if destination is not None and table == destination else None


def group_of(test):
    """Tests of one group are ready when the same model has been built."""
    attached = getattr(test, "attached_node", None)
    if attached:
        return attached
    models = sorted(node for node in test.depends_on.nodes if not node.startswith("source."))
    return models[0] if len(models) == 1 else tuple(sorted(test.depends_on.nodes))


def can_be_grouped(test):
    """Whether a test only asks, and counts rows: of other numbers the types could differ."""
    from dbt.flags import get_flags

    config = test.config
    stores = config.store_failures or config.store_failures_as or getattr(get_flags(), "STORE_FAILURES", False)
    return not stores and not config.get("sql_header") and config.fail_calc == "count(*)"


def copy_of(node):
    import copy

    return copy.deepcopy(node)


def full_refresh():
    from dbt.flags import get_flags

    return bool(getattr(get_flags(), "FULL_REFRESH", False))


def unchanged_view():
    from dbt.adapters.bigquery.connections import BigQueryAdapterResponse
    from dbt_common.clients import agate_helper

    return BigQueryAdapterResponse(_message="CREATE VIEW (unchanged)", code="CREATE VIEW", bytes_processed=0), agate_helper.empty_table()


def debug(text):
    from dbt.adapters.events.logging import AdapterLogger

    AdapterLogger("BigQuery").debug(text)


FEWER_JOBS = FewerJobs()


def answer_from_what_is_known():
    """Where all statements pass."""
    from dbt.adapters.bigquery.connections import BigQueryConnectionManager

    ordinary = expect(BigQueryConnectionManager, "execute", ["self", "sql", "auto_begin", "fetch", "limit"])

    def execute(connections, sql, auto_begin=False, fetch=None, limit=None):
        return FEWER_JOBS.execute(ordinary, connections, sql, auto_begin, fetch, limit)

    BigQueryConnectionManager.execute = execute


def ask_for_tests_together():
    from dbt.compilation import Compiler
    from dbt.graph.queue import GraphQueue
    from dbt.task.test import TestRunner

    ordinary = expect(TestRunner, "execute_data_test", ["self", "data_test", "manifest"])
    get = expect(GraphQueue, "get", ["self", "block", "timeout"])
    expect(Compiler, "compile_node", ["self", "node", "manifest", "extra_context", "write", ...])
    answer_from_what_is_known()

    def noted_get(queue, block=True, timeout=None):
        FEWER_JOBS.queue = queue
        return get(queue, block, timeout)

    def execute_data_test(runner, data_test, manifest):
        FEWER_JOBS.ask_together(runner, data_test, manifest)
        return ordinary(runner, data_test, manifest)

    GraphQueue.get = noted_get
    TestRunner.execute_data_test = execute_data_test


def leave_unchanged_views():
    from dbt.adapters.bigquery import BigQueryAdapter

    ordinary = expect(BigQueryAdapter, "_bq_table_to_relation", ["self", "bq_table"])

    def noted(self, bq_table):
        FEWER_JOBS.note_view(bq_table)
        return ordinary(self, bq_table)

    BigQueryAdapter._bq_table_to_relation = noted


def know_tables_by_their_list():
    from dbt.adapters.bigquery import BigQueryAdapter
    from google.cloud.bigquery import Table
    from google.cloud.bigquery.table import TableListItem

    relation_of = expect(BigQueryAdapter, "_bq_table_to_relation", ["self", "bq_table"])
    ordinary = expect(BigQueryAdapter, "is_replaceable", ["self", "relation", "conf_partition", "conf_cluster"])
    expect(BigQueryAdapter, "_partitions_match", ["table", "conf_partition"])
    expect(BigQueryAdapter, "_clusters_match", ["table", "conf_cluster"])

    def noted(self, bq_table):
        if isinstance(bq_table, TableListItem) and bq_table.table_type == "TABLE":
            name = (bq_table.project, bq_table.dataset_id, bq_table.table_id)
            FEWER_JOBS.listed[name] = Table.from_api_repr(bq_table.to_api_repr())
        return relation_of(self, bq_table)

    def is_replaceable(adapter, relation, conf_partition, conf_cluster):
        return FEWER_JOBS.is_replaceable(ordinary, adapter, relation, conf_partition, conf_cluster)

    BigQueryAdapter._bq_table_to_relation = noted
    BigQueryAdapter.is_replaceable = is_replaceable


def count_rows_by_the_answer():
    from dbt.adapters.bigquery.connections import BigQueryConnectionManager
    from google.cloud.bigquery import Client

    raw_execute = expect(BigQueryConnectionManager, "raw_execute", ["self", "sql", ...])
    get_table = expect(Client, "get_table", ["self", "table", ...])

    def noted(connections, sql, *more, **named):
        return FEWER_JOBS.note_rows(raw_execute(connections, sql, *more, **named))

    def known_table(client, table, *more, **named):
        return FEWER_JOBS.counted(table) or get_table(client, table, *more, **named)

    BigQueryConnectionManager.raw_execute = noted
    Client.get_table = known_table


FEWER = [ask_for_tests_together, leave_unchanged_views, know_tables_by_their_list, count_rows_by_the_answer]
