"""Labels of views, as statements give them."""

import unittest

import labels


class Labels(unittest.TestCase):
    def test_labels_of_a_view_are_read(self):
        self.assertEqual(labels.of_view("/* dbt */\n create or replace view `p`.`d`.`v`\n OPTIONS(labels=[('dbt_sql', '0af'), (\"a\", \"\")])\nas select 1"),
                         {"dbt_sql": "0af", "a": ""})

    def test_other_statements_have_none(self):
        for statement in ["create table t OPTIONS(labels=[('a', 'b')])", "create view v OPTIONS() as select 'OPTIONS(labels=[(''a'', ''b'')])'", "select 1"]:
            self.assertEqual(labels.of_view(statement), {})


if __name__ == "__main__":
    unittest.main()
