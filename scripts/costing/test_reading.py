"""What statements read, in cases small enough to be counted by hand."""

from __future__ import annotations

import datetime
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import reading
import reckon
import sizes
from pruning import Layout

TABLES = {
    "raw.notes": {"id": "INT64", "body": "STRING", "author_id": "INT64", "created_at": "TIMESTAMP"},
    "raw.users": {"id": "INT64", "username": "STRING"},
    "marts.facts": {"id": "INT64", "kind": "STRING", "n": "INT64", "created_at": "TIMESTAMP"},
}
LAYOUTS = {"raw.notes": Layout("created_at", ["id"]), "marts.facts": Layout("created_at", ["kind", "id"])}
NOW = datetime.datetime(2026, 3, 15)
# Bytes in a row.
NOTE, FACT = 8 + 202 + 8 + 8, 8 + 12 + 8 + 8


class Reading(unittest.TestCase):
    def setUp(self):
        self.catalog = reading.Catalog(TABLES, LAYOUTS, NOW)

    def of(self, sql: str) -> dict[str, tuple[list[str], float]]:
        """Columns and part of the rows, by table."""
        [statement] = reading.statements(sql)
        return {
            name: (sorted(read), round(max([part.partitions for parts in read.values() for part in parts], default=1) * sizes.MONTHS, 6))
            for name, read in reading.reads(statement, self.catalog).items()
        }

    def bytes(self, sql: str, merge_requests: int = 1_000_000) -> float:
        [statement] = reading.statements(sql)
        return sum(reading.bytes_of(name, read, self.catalog, merge_requests) for name, read in reading.reads(statement, self.catalog).items())

    def learn(self, sql: str) -> None:
        for statement in reading.statements(sql):
            self.catalog.learn(statement)

    def test_columns_that_are_named(self):
        self.assertEqual(self.of("select author_id from raw.notes where body = 'x'"), {"raw.notes": (["author_id", "body"], 60)})
        self.assertEqual(self.bytes("select author_id from raw.notes where body = 'x'"), 1_000_000 * (8 + 202))
        self.assertEqual(self.bytes("select * from raw.notes"), 1_000_000 * NOTE)
        self.assertEqual(self.bytes("select * except (body) from raw.notes"), 1_000_000 * (NOTE - 202))
        self.assertEqual(self.bytes("select count(*) as n from raw.notes"), 0)
        self.assertEqual(self.bytes("select to_json_string(whole) as text from raw.users as whole"), 1_000_000 / 200 * (8 + 12))
        self.assertEqual(self.bytes("select * from (select * from raw.notes) where false limit 0"), 0)

    def test_only_what_is_used_of_a_subquery(self):
        sql = "with all_notes as (select * from raw.notes) select all_notes.id from all_notes inner join raw.users as u on all_notes.author_id = u.id"
        self.assertEqual(self.of(sql), {"raw.notes": (["author_id", "id"], 60), "raw.users": (["id"], 60)})

    def test_a_column_counts_once_in_a_statement(self):
        self.assertEqual(self.of("select id from raw.notes union all select author_id as id from raw.notes"), {"raw.notes": (["author_id", "id"], 60)})

    def test_views_are_read_through(self):
        self.learn("create or replace view `p`.`marts`.`recent` as select id, body, created_at as written_at from `p`.`raw`.`notes`")
        sql = "select r.id from marts.recent as r where r.written_at >= timestamp('2026-03-01')"
        self.assertEqual(self.of(sql), {"raw.notes": (["created_at", "id"], 1)})

    def test_months_that_constants_name(self):
        for condition, months in {
            "created_at >= timestamp('2026-02-01')": 2, "created_at > timestamp_sub(current_timestamp(), interval 24 hour)": 1,
            "created_at > timestamp_sub(current_timestamp(), interval 90 day)": 4, "created_at < timestamp('1900-01-01')": 0,
            "(created_at >= timestamp('2025-01-01') and created_at < timestamp('2025-02-01') or created_at is null)": 1,
            "(created_at >= timestamp('2026-03-01') or id = 1)": 60, "created_at = (select max(created_at) from raw.users)": 60,
        }.items():
            sql = f"select author_id from raw.notes where {condition}"
            self.assertEqual(self.of(sql)["raw.notes"][1], months, condition)
        # An outer join does not narrow what is on its left.
        sql = "select n.id from raw.notes as n left join raw.users as u on n.author_id = u.id and n.created_at > timestamp('2026-03-01')"
        self.assertEqual(self.of(sql)["raw.notes"][1], 60)

    def test_blocks_of_clustered_tables(self):
        # Of 226 MB one block of 64 is read, of the columns that are named.
        self.assertAlmostEqual(self.bytes("select * from raw.notes where id = 5"), sizes.BLOCK)
        self.assertAlmostEqual(self.bytes("select body from raw.notes where id in (5, 6)"), 2 * sizes.BLOCK * (8 + 202) / NOTE)
        # Of a column that is read in two ways, the larger part counts, and each column by itself.
        both = "select a.body, b.author_id from raw.notes as a inner join raw.notes as b on a.id = b.author_id where a.id = 5"
        self.assertAlmostEqual(self.bytes(both), sizes.BLOCK * (8 + 202) / NOTE + 1_000_000 * 8)
        # Of two cluster columns the second narrows if the first is named, too.
        both = "select n from marts.facts where kind = 'push' and id = 5"
        self.assertAlmostEqual(self.bytes(both, 1_000_000_000), sizes.BLOCK * (12 + 8 + 8) / FACT)
        # By something else than the leading column, all are.
        self.assertEqual(self.bytes("select * from marts.facts where id = 5"), 1_000_000 * FACT)
        # Words are in every partition: of 36 GB in 60 partitions their part of the rows is read, or one block of each.
        self.assertAlmostEqual(self.bytes("select * from marts.facts where kind = 'push'", 1_000_000_000), 0.15 * 36e9)
        self.assertAlmostEqual(self.bytes("select * from marts.facts where kind = 'draft'", 1_000_000_000), 60 * sizes.BLOCK, delta=1)

    def test_statements_that_change_rows(self):
        merge = "merge into marts.facts as d using (select id, n from raw.users cross join (select 1 as n)) as s on d.id = s.id {} when matched then update set n = s.n"
        self.assertEqual(self.of(merge.format("")), {"raw.users": (["id"], 60), "marts.facts": (["created_at", "id", "kind", "n"], 60)})
        month = "and (d.created_at >= timestamp('2026-03-01') and d.created_at < timestamp('2026-04-01'))"
        self.assertEqual(self.of(merge.format(month))["marts.facts"][1], 1)
        insert = "merge into marts.facts as d using raw.users as s on d.id = s.id when not matched then insert (id) values (s.id)"
        self.assertEqual(self.of(insert)["marts.facts"][0], ["id"])
        delete = "delete from marts.facts where id in (select id from raw.notes)"
        self.assertEqual(self.of(delete), {"raw.notes": (["id"], 60), "marts.facts": (["created_at", "id", "kind", "n"], 60)})

    def test_tables_and_views_that_are_made(self):
        self.assertEqual(self.of("create or replace table marts.t partition by timestamp_trunc(created_at, month) cluster by id as (select id from raw.notes)"), {"raw.notes": (["id"], 60)})
        self.assertEqual(self.of("create or replace view marts.v as select id from raw.notes"), {})
        self.learn("create or replace table `p`.marts.t partition by timestamp_trunc(at, month) cluster by id, n as (select id, n, at from raw.notes)")
        self.assertEqual(self.catalog.layouts["marts.t"], Layout("at", ["id", "n"]))

    def test_each_table_is_billed_for_ten_megabytes_at_least(self):
        [statement] = reading.statements("select notes.body from raw.notes inner join raw.users on notes.author_id = users.id")
        found = reading.reads(statement, self.catalog)
        self.assertEqual(reading.billed(found, self.catalog, 1_000_000), 210_000_000 + sizes.LEAST)

    def test_rows_that_are_about_to_be_merged(self):
        self.assertEqual(sizes.rows("fct_pipelines__dbt_tmp0123", 1_000_000, 0.01), 40_000)
        self.assertEqual(sizes.rows("fct_pipelines", 1_000_000), 4_000_000)

    def test_layouts_of_raw_tables_are_the_streams_own(self):
        layouts = reckon.raw_layouts()
        self.assertEqual(layouts["mr_notes"], Layout("created_at", ["merge_request_id", "id"]))
        self.assertEqual(layouts["mr_reviewers"], Layout("", ["merge_request_id"]))

    def test_questions_are_those_of_the_readme(self):
        asked = reckon.questions()
        self.assertIn("mergemind.fct_merge_requests", asked["Where does our time go?"])
        self.assertGreater(len(asked), 10)


if __name__ == "__main__":
    unittest.main()
