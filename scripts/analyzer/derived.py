"""Columns that are described once, though several models have them. A staging column is what its raw column is, and
int_merge_requests has the columns of dim_merge_requests: `columns` in models/models/staging/**/staging.yml (their tests stay) and in the last
model of models/models/intermediate/intermediate.yml are made from those descriptions."""

from __future__ import annotations

import json
import re
from pathlib import Path

MODELS = Path(__file__).resolve().parents[2] / "models/models"
# {raw table: {column: description}}
Described = dict[str, dict[str, str]]


def outdated(models: Path = MODELS) -> list[Path]:
    """The files whose columns are not what the models select and the raw tables' descriptions say."""
    return [path for path, text in wanted(models).items() if not path.exists() or path.read_text() != text]


def write(models: Path = MODELS) -> None:
    """Makes those files anew."""
    for path, text in wanted(models).items():
        path.write_text(text)


def wanted(models: Path) -> dict[Path, str]:
    described = raw_descriptions(models / "staging")
    files = {path: with_columns(path.read_text(), path.parent, described) for path in sorted((models / "staging").rglob("staging.yml"))}
    path = models / "intermediate/intermediate.yml"
    files[path] = as_in_the_mart(path.read_text(), (models / "marts/dim_merge_requests.yml").read_text())
    return files


def as_in_the_mart(intermediate: str, mart: str) -> str:
    """An intermediate.yml whose last model, int_merge_requests, has the columns of dim_merge_requests."""
    columns = re.findall(r'(?m)^      - name: (\w+)\n        data_type: [^\n]+\n        description: (".*")$', mart)
    before = re.match(r"(?s).*\n  - name: int_merge_requests\n.*?    columns:\n", intermediate)[0]
    return before + "".join(f"      - {{name: {name}, description: {description}}}\n" for name, description in columns)


def raw_descriptions(folder: Path) -> Described:
    found: Described = {}
    for path in sorted(folder.rglob("sources*.yml")):
        table = ""
        for line in path.read_text().splitlines():
            name = re.fullmatch(r"      - name: (\w+)", line)
            column = re.fullmatch(r'          - \{name: (\w+), data_type: [^,]+, description: (".*")\}', line)
            if name:
                table = name[1]
            elif column:
                found.setdefault(table, {})[column[1]] = json.loads(column[2])
    return found


def with_columns(text: str, folder: Path, described: Described) -> str:
    """A staging.yml whose models have all their columns."""
    head, *models = re.split(r"(?m)^(?=  - name: stg_)", text)
    return head + "".join(model_with_columns(model, folder, described) for model in models)


def model_with_columns(text: str, folder: Path, described: Described) -> str:
    name = re.match(r"  - name: (\w+)", text)[1]
    table = name.partition("__")[2]
    before, _, columns = text.partition("    columns:\n")
    tests = {}
    for entry in re.split(r"(?m)^(?=      - )", columns)[1:]:
        column = re.match(r"      - \{?(?:name: )(\w+)", entry)[1]
        tests[column] = "".join(line + "\n" for line in entry.splitlines()[1:] if not line.startswith("        description:"))
    lines = []
    for column, source in selected((folder / f"{name}.sql").read_text()):
        description = json.dumps(described[table][source], ensure_ascii=False)
        if tests.get(column):
            lines.append(f"      - name: {column}\n        description: {description}\n{tests[column]}")
        else:
            lines.append(f"      - {{name: {column}, description: {description}}}\n")
    return before + "    columns:\n" + "".join(lines)


def selected(sql: str) -> list[tuple[str, str]]:
    """What a staging model selects: its columns, each with the raw column that it renames."""
    columns = []
    for line in re.search(r"(?s)\bselect\n(.*?)\nfrom ", sql)[1].splitlines():
        expression, name = re.fullmatch(r"\s*(?:(.*) as )?(\w+),?", line).groups()
        source = re.fullmatch(r"(?:coalesce\()?`?(\w+)`?(?:, false\))?", expression or name)
        if not source:
            raise ValueError(f"a staging model only renames: what is {line.strip()!r}?")
        columns.append((name, source[1]))
    return columns
