"""A function that answers and has Google's clients at hand, as one that loads BigQuery would."""

from google.cloud import bigquery, logging, storage  # noqa: F401


def handle(request):
    return {"status": "ok"}
