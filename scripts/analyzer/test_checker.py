"""The checker catches what it is there for, and takes what BigQuery takes. Each statement goes the way that dbt's take."""

from __future__ import annotations

import json
import sys
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parent))
from check import check_statements
from checker import Checker
from engine import SqlError
from server import Warehouse, serve

PROJECT = "mergemind-local"
RAW = {"id": "INT64", "title": "STRING", "created_at": "TIMESTAMP", "labels": "ARRAY<STRING>", "_deleted": "BOOL"}


class CheckerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.checker = Checker(PROJECT)
        cls.server = serve(Warehouse(cls.checker))
        cls.address = f"http://127.0.0.1:{cls.server.server_address[1]}/bigquery/v2/projects/{PROJECT}"
        cls.jobs = 0

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()

    def setUp(self):
        self.checker.catalog.datasets.clear()
        fields = [{"name": name, "type": kind} for name, kind in RAW.items()]
        self.post("datasets/raw/tables", {"tableReference": {"tableId": "issues"}, "schema": {"fields": fields}})

    def test_wrong_column(self):
        self.assertIn("Unrecognized name: titel", self.refusal("select titel from raw.issues"))

    def test_wrong_type(self):
        self.assertIn("No matching signature", self.refusal("select id + title as n from raw.issues"))
        self.assertIn("No matching signature", self.refusal("select * from raw.issues where id = title"))
        self.assertIn("Invalid cast", self.refusal("select cast('[]' as array<string>) as labels"))

    def test_unknown_function(self):
        self.assertIn("Function not found: strptime", self.refusal("select strptime(title, '%Y') as y from raw.issues"))

    def test_unknown_table(self):
        self.assertIn("not found", self.refusal("select * from raw.epics"))

    def test_reserved_word(self):
        self.assertIn("Syntax error", self.refusal("select created_at as at from raw.issues"))

    def test_in_every_kind_of_statement(self):
        self.run_sql("create or replace table `m`.`t` (id int64, title string) as (select id, title from (select * from `raw`.`issues`))")
        for statement in (
            "create or replace view m.v as select titel from m.t",
            "create or replace table m.u as (select titel from m.t)",
            "merge m.t as a using raw.issues as b on a.id = b.id when matched then update set titel = b.title",
            "merge m.t as a using raw.issues as b on a.id = b.title when not matched then insert (id) values (b.id)",
            "delete from m.t where titel = 'x'",
            "begin transaction; select 1; delete from m.t where titel = 'x'; commit transaction",
            "select count(*) as failures from (select titel from m.t)",
        ):
            with self.subTest(statement=statement):
                self.refusal(statement)

    def test_a_table_has_the_columns_that_it_was_made_with(self):
        self.run_sql("create or replace view `m`.`v` as select id, created_at as opened_at from raw.issues")
        self.run_sql("select opened_at from m.v")
        self.refusal("select created_at from m.v")
        self.refusal("create or replace table `m`.`w` (id string) as (select id from m.v)")
        self.run_sql("drop view m.v")
        self.refusal("select opened_at from m.v")

    def test_a_table_gains_columns(self):
        self.run_sql("create table m.older (id int64)")
        self.refusal("select title from m.older")
        self.run_sql("alter table `m`.`older` add column if not exists title string")
        self.run_sql("alter table m.older add column if not exists labels array<string>")
        self.run_sql("select title, label from m.older, unnest(labels) as label")
        self.refusal("alter table m.older add column title string")
        self.refusal("alter table m.nowhere add column title string")

    def test_update_needs_where(self):
        self.refusal("update raw.issues set title = 'x'")

    def test_unit_tests_are_computed(self):
        rows = self.run_sql("with t as (select 1 as a union all select 2 as a) select sum(a) as n, array_agg(a order by a) as l from t")
        self.assertEqual(rows, [{"f": [{"v": "3"}, {"v": [{"v": "1"}, {"v": "2"}]}]}])
        self.assertEqual(self.run_sql("select count(*) as n from `raw`.`issues`"), [{"f": [{"v": "0"}]}])

    def test_what_the_functions_sent(self):
        lines = [
            {"table": "x.y", "fields": [{"name": "a", "type": "INTEGER", "mode": "NULLABLE"}, {"name": "b", "type": "STRING", "mode": "REPEATED"}]},
            {"sql": "begin transaction; select a from x.y, unnest(b) as c where c = 'x'; commit transaction"},
            {"sql": "select a from x.y where a"},
            {"drop": "x.y"},
            {"sql": "select a from x.y"},
        ]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "sent.jsonl"
            path.write_text("\n".join(json.dumps(line) for line in lines))
            problems = check_statements(self.checker, path)
            path.write_text("")
            self.assertIn("holds no statement", check_statements(self.checker, path)[0])
        self.assertEqual(len(problems), 2)
        self.assertIn(":3: WHERE clause should return type BOOL", problems[0])
        self.assertIn(":5: Table not found: x.y", problems[1])

    def test_statements_alike_are_checked_once_and_those_of_other_tables_again(self):
        table = {"fields": [{"name": "id", "type": "INT64"}, {"name": "name", "type": "STRING"}]}
        other = {"fields": [{"name": "id", "type": "INT64"}, {"name": "title", "type": "STRING"}]}
        alike = "SELECT id FROM `{0}.t` WHERE name = '{1}' AND id IN (1, 2)"
        events = [{"table": "a.t", **table}, {"table": "b.t", **table}, {"table": "c.t", **other},
                  *({"sql": alike.format(dataset, text)} for dataset, text in [("a", "x"), ("b", "it\\'s"), ("c", "x")])]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "sent.jsonl")
            path.write_text("\n".join(json.dumps(event) for event in events))
            before = self.checker.counts["SELECT"]
            problems = check_statements(self.checker, path)
        self.assertEqual(self.checker.counts["SELECT"] - before, 1)
        self.assertEqual(len(problems), 1)
        self.assertIn(":6: Unrecognized name: name", problems[0])

    def test_a_dataset_makes_tables_of_its_own_where_others_are_looked_up_elsewhere(self):
        self.run_sql("create or replace view marts.people as select id from raw.issues")
        statements = ["select title from own.people", "create table own.people as select 'Ada' as name", "select name from own.people"]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "sent.jsonl")
            path.write_text("\n".join(json.dumps({"sql": sql}) for sql in statements))
            with mock.patch("check.MODELLED", "marts"):
                problems = check_statements(self.checker, path)
        self.assertEqual(len(problems), 1)
        self.assertIn(":1: Unrecognized name: title", problems[0])

    def test_statements_are_checked_later_among_the_tables_of_before(self):
        self.run_sql("create or replace view marts.kept as select id from raw.issues")
        later = Checker(self.checker.catalog.project)
        later.catalog.take(self.checker.catalog.text())
        later.run("select id from marts.kept", evaluate=False)
        with self.assertRaisesRegex(SqlError, "Unrecognized name: title"):
            later.run("select title from marts.kept", evaluate=False)

    def run_sql(self, sql: str):
        CheckerTest.jobs += 1
        job = f"job{CheckerTest.jobs}"
        self.post("jobs", {"jobReference": {"jobId": job}, "configuration": {"query": {"query": sql}}})
        return json.load(urllib.request.urlopen(f"{self.address}/queries/{job}"))["rows"]

    def refusal(self, sql: str) -> str:
        with self.assertRaises(urllib.error.HTTPError, msg=sql) as caught:
            self.run_sql(sql)
        answer = json.loads(caught.exception.read())
        self.assertEqual((caught.exception.code, answer["error"]["errors"][0]["reason"]), (400, "invalidQuery"))
        return answer["error"]["message"]

    def post(self, path: str, body: dict):
        request = urllib.request.Request(f"{self.address}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        return json.load(urllib.request.urlopen(request))


if __name__ == "__main__":
    unittest.main()
