"""What the worker asks for together, and what it leaves out."""

import dataclasses
import threading
import types
import unittest

import fewer_jobs
from fewer_jobs import FewerJobs, group_of


@dataclasses.dataclass
class Response:
    rows_affected: int
    bytes_processed: int
    bytes_billed: int
    slot_ms: int


class Table:
    """As much of agate's as is used."""

    def __init__(self, rows):
        self.rows = rows

    def where(self, test):
        return Table([row for row in self.rows if test(row)])

    def exclude(self, names):
        return Table([{name: value for name, value in row.items() if name not in names} for row in self.rows])


def test_of(id, models, attached=None):
    return types.SimpleNamespace(unique_id=id, resource_type="test", attached_node=attached, depends_on=types.SimpleNamespace(nodes=models))


class Tests(unittest.TestCase):
    def setUp(self):
        self.jobs = FewerJobs()
        self.sent = []
        self.rows = {"one": 0, "two": 3}
        nodes = [test_of("test.one", ["model.a"], "model.a"), test_of("test.two", ["model.a", "source.s"]), test_of("test.other", ["model.b"])]
        self.manifest = types.SimpleNamespace(nodes={node.unique_id: node for node in nodes})
        self.jobs.queue = types.SimpleNamespace(lock=threading.Lock(), queued={"test.two", "test.other"}, in_progress={"test.one"})
        self.jobs.statement_of = lambda runner, test, manifest: test.unique_id.removeprefix("test.")
        self.runner = types.SimpleNamespace(adapter=types.SimpleNamespace(connections=self))
        self.can, fewer_jobs.can_be_grouped = fewer_jobs.can_be_grouped, lambda test: True
        self.debug, fewer_jobs.debug = fewer_jobs.debug, lambda text: None

    def tearDown(self):
        fewer_jobs.can_be_grouped, fewer_jobs.debug = self.can, self.debug

    def execute(self, sql, auto_begin=False, fetch=None, limit=None):
        return self.jobs.execute(self.ordinary, self, sql, auto_begin, fetch, limit)

    def ordinary(self, connections, sql, auto_begin, fetch, limit):
        self.sent.append(sql)
        if "union all" not in sql:
            return Response(1, 5, 5, 5), Table([{"failures": self.rows[sql]}])
        rows = [{"test": f"t{number}", "failures": self.rows[name]} for number, name in enumerate(["one", "two"])]
        return Response(2, 70, 80, 90), Table(rows[: self.answered])

    answered = 2

    def outcome(self, id):
        test = self.manifest.nodes[id]
        self.jobs.ask_together(self.runner, test, self.manifest)
        response, table = self.execute(id.removeprefix("test."), fetch=True)
        return response.bytes_processed, table.rows

    def test_tests_of_a_model_are_one_job_and_each_has_its_own_answer(self):
        self.assertEqual(self.outcome("test.two"), (0, [{"failures": 3}]))
        self.assertEqual(self.outcome("test.one"), (70, [{"failures": 0}]))
        self.assertEqual(len(self.sent), 1)
        self.assertNotIn("other", self.sent[0])

    def test_where_the_job_fails_each_test_asks_for_itself(self):
        self.answered = 1
        self.assertEqual(self.outcome("test.two"), (5, [{"failures": 3}]))
        self.assertEqual(self.outcome("test.one"), (5, [{"failures": 0}]))
        self.assertEqual(self.sent[1:], ["two", "one"])

    def test_an_answer_serves_once(self):
        self.outcome("test.one")
        self.execute("one", fetch=True)
        self.assertEqual(self.sent[1:], ["one"])

    def test_groups_are_of_what_is_ready_together(self):
        self.assertEqual(group_of(test_of("a", ["model.m", "model.n"], "model.m")), "model.m")
        self.assertEqual(group_of(test_of("a", ["source.s", "model.m"])), "model.m")
        self.assertEqual(group_of(test_of("a", ["model.n", "model.m"])), ("model.m", "model.n"))


class Views(unittest.TestCase):
    STATEMENT = "\n\n  create or replace view `p`.`d`.`v`\n  OPTIONS()\n  as select 1;\n"

    def test_a_view_is_left_alone_only_if_it_was_made_by_the_same_statement(self):
        jobs = FewerJobs()
        labelled, stands = jobs.labelled(self.STATEMENT)
        self.assertFalse(stands)
        digest = labelled.split("('dbt_sql', '")[1].split("'")[0]
        self.assertRegex(digest, "^[0-9a-f]{40}$")
        view = types.SimpleNamespace(project="p", dataset_id="d", table_id="v", table_type="VIEW", labels={"dbt_sql": digest})
        jobs.note_view(view)
        self.assertEqual(jobs.labelled(self.STATEMENT), (labelled, True))
        self.assertFalse(jobs.labelled(self.STATEMENT.replace("1", "2"))[1])
        self.assertFalse(jobs.labelled(self.STATEMENT.replace("`v`", "`w`"))[1])
        view.labels = None
        jobs.note_view(view)
        self.assertFalse(jobs.labelled(self.STATEMENT)[1])

    def test_other_statements_stay_as_they_are(self):
        for statement in ["create or replace view `p`.`d`.`v`\n OPTIONS(\n description='a')\n as select 1", "select 1", "create or replace table `p`.`d`.`v` OPTIONS() as select 1"]:
            self.assertEqual(FewerJobs().labelled(statement), (statement, False))


class Tables(unittest.TestCase):
    def test_a_table_is_asked_about_only_if_the_list_does_not_say_that_it_is_alike(self):
        jobs, asked = FewerJobs(), []
        adapter = types.SimpleNamespace(
            _partitions_match=lambda table, partition: table.partition == partition, _clusters_match=lambda table, cluster: table.cluster == cluster
        )
        relation = types.SimpleNamespace(database="p", schema="d", identifier="t")

        def is_replaceable(partition, cluster, relation=relation):
            return jobs.is_replaceable(lambda *of: asked.append(of) or "asked", adapter, relation, partition, cluster)

        name, table = ("p", "d", "t"), types.SimpleNamespace(partition="month", cluster=["a"])
        jobs.listed[name] = table
        self.assertIs(is_replaceable("month", ["a"]), True)
        self.assertEqual(asked, [])
        self.assertEqual(is_replaceable("month", ["a"]), "asked", "it may be another table by now")
        for partition, cluster in (("day", ["a"]), ("month", ["b"]), ("month", None)):
            jobs.listed[name] = table
            self.assertEqual(is_replaceable(partition, cluster), "asked")
        self.assertEqual(asked[-1], (adapter, relation, "month", None))
        self.assertEqual(is_replaceable("month", ["a"], None), "asked")


class Rows(unittest.TestCase):
    def test_rows_of_a_select_are_counted_by_its_answer(self):
        jobs = FewerJobs()
        job = types.SimpleNamespace(statement_type="SELECT", destination=("p", "d", "t"))
        jobs.note_rows((job, types.SimpleNamespace(total_rows=7)))
        self.assertIsNone(jobs.counted(("p", "d", "other")))
        jobs.note_rows((job, types.SimpleNamespace(total_rows=7)))
        self.assertEqual(jobs.counted(("p", "d", "t")).num_rows, 7)
        self.assertIsNone(jobs.counted(("p", "d", "t")), "once")
        job.statement_type = "CREATE_TABLE_AS_SELECT"
        jobs.note_rows((job, types.SimpleNamespace(total_rows=0)))
        self.assertIsNone(jobs.counted(("p", "d", "t")))


if __name__ == "__main__":
    unittest.main()
