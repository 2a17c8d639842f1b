"""What people are told of the models: each column says what it is, each model what a build of it costs, and each mart promises its types,
names its key and its owner, and has units in its names."""

from __future__ import annotations

import re

COST = re.compile(r"(?i)\b(costs?|scans?|reads?|rebuilt|renews)\b")
# What is in no mart: texts of notes, and addresses of people.
PRIVATE = re.compile(r"(?i)e?mail|^body$|^message$")
# Of a number with a fraction, what it is a number of.
UNIT = re.compile(r"hours|_min$|seconds|percent|share|rate|weight|multiplier|score")


def shortcomings(models: list[dict], built: dict[str, dict[str, str]]) -> list[str]:
    """What is missing. `models` are as dbt_side.py reports them, `built` the columns and types that each one came to have."""
    problems = []
    for model in models:
        columns = built.get(model["name"])
        if columns is None:
            problems.append(f"{model['name']} was not built")
            continue
        problems += [f"{model['name']}: {problem}" for problem in of_columns(model["columns"], columns) + of_model(model)]
        if model["layer"] == "marts":
            marts = {other["name"] for other in models if other["layer"] == "marts"}
            problems += [f"{model['name']}: {problem}" for problem in of_readers(model, columns, marts)]
            problems += [f"{model['name']}: {problem}" for problem in of_mart(model, columns)]
    return problems


def of_columns(described: dict[str, str], built: dict[str, str]) -> list[str]:
    missing = [column for column in built if not described.get(column, "").strip()]
    invented = [column for column in described if column not in built]
    return [f"nobody says what the column {column} is" for column in missing] + [f"the described column {column} is not there" for column in invented]


def of_model(model: dict) -> list[str]:
    problems = []
    if not COST.search(model["description"]):
        problems.append("its description does not say what a build costs")
    if not model["owner"]:
        problems.append("it belongs to no group with an owner")
    if not model["key"] and model["layer"] == "staging":
        problems.append("it has no primary_key test")
    return problems


def of_readers(model: dict, built: dict[str, str], marts: set[str]) -> list[str]:
    """Who may read the dataset of the marts, and no other, can read each mart, and learns nothing private."""
    problems = [f"{column} is private, so it belongs in no mart" for column in built if PRIVATE.search(column)]
    for other in model["reads"]:
        kind, name = other.split(".")[0], other.split(".")[-1]
        if kind == "source" or kind == "model" and name not in marts:
            problems.append(f"it is a view that reads {name}, which readers of the marts may not read: make it a table, or read marts only")
    return problems


def of_mart(model: dict, built: dict[str, str]) -> list[str]:
    problems = [f"{column} is a FLOAT64 whose name has no unit" for column, kind in built.items() if kind == "FLOAT64" and not UNIT.search(column)]
    if not model["contract"]:
        problems.append("its contract is not enforced")
    if not model["key"]:
        problems.append("it has no primary_key test")
    if not model["compared"]:
        problems.append("no test in models/tests compares it with raw tables")
    return problems
