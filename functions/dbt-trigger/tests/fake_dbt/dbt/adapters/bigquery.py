"""Stands for the BigQuery adapter, which the worker imports ahead of time."""
