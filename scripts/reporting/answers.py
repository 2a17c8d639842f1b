"""Asks the marts what the report shows, and makes its page of the answers."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Callable

from page import page, with_every_week
from questions import BLANK_WEEKS, OPTIONAL, QUESTIONS, WEEKS


class NothingToShow(Exception):
    """The marts can't be asked, or hold nothing."""


def ask(run: Callable[[str], list[dict]], dataset: str, marts: set[str]) -> dict[str, list[dict]]:
    """The answers to all questions whose marts are there."""
    return {name: run(sql.format(dataset=dataset, days=WEEKS * 7)) for name, sql in QUESTIONS.items() if OPTIONAL.get(name) in marts | {None}}


def ask_bigquery(dataset: str) -> dict[str, list[dict]]:
    """The same of Google's BigQuery, or of what stands for it at BIGQUERY_EMULATOR_HOST."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    if not os.environ.get("PROJECT_ID"):
        raise NothingToShow("PROJECT_ID is not set: name the Google Cloud project that holds the marts")
    emulator = os.environ.get("BIGQUERY_EMULATOR_HOST")
    there = {"client_options": {"api_endpoint": emulator}, "credentials": AnonymousCredentials()} if emulator else {}
    client = bigquery.Client(project=os.environ["PROJECT_ID"], location=os.environ.get("BQ_LOCATION"), **there)
    return ask(lambda sql: [dict(row) for row in client.query_and_wait(sql)], dataset, {table.table_id for table in client.list_tables(dataset)})


def page_of(answers: dict[str, list[dict]]) -> str:
    """The page, as it is now."""
    if not answers["totals"][0]["merge_requests"]:
        raise NothingToShow("the marts hold no merge request yet; run scripts/demo, or sync and run dbt")
    now = datetime.now(UTC)
    weeks = {name: with_every_week(answers[name], blank, now.date(), WEEKS) for name, blank in BLANK_WEEKS.items() if name in answers}
    return page(answers | weeks, now.strftime("%Y-%m-%d %H:%M UTC"))
