"""The promise to a mart's readers: a column that was published stays, with its type, until a new version of the mart."""

from __future__ import annotations

import json
from pathlib import Path

from engine import ROOT

PUBLISHED = ROOT / "models/models/marts/published.json"
# {mart: {version: {column: type}}}; a mart without versions has the version "1".
Marts = dict[str, dict[str, dict[str, str]]]


def broken_promises(published: Marts, current: Marts) -> list[str]:
    """What readers of published marts would miss, and what nobody has promised yet."""
    problems = []
    for mart, versions in published.items():
        for version, columns in versions.items():
            now = current.get(mart, {}).get(version)
            if now is None:
                problems.append(f"{mart} v{version} is gone: keep it until its deprecation_date, then take it out of {PUBLISHED.name}")
                continue
            for column, kind in columns.items():
                if column not in now:
                    problems.append(f"{mart} v{version} lost the column {column}: that needs a new version (models/README.md, Changing a mart)")
                elif now[column] != kind:
                    problems.append(f"{mart} v{version}: {column} was {kind} and is {now[column]}: that needs a new version")
    for mart, versions in current.items():
        for version, columns in versions.items():
            added = sorted(set(columns) - set(published.get(mart, {}).get(version, {})))
            if added:
                problems.append(f"{mart} v{version} has unpublished columns ({', '.join(added)}): run scripts/check-sql --publish")
    return problems


def read(path: Path = PUBLISHED) -> Marts:
    return json.loads(path.read_text()) if path.exists() else {}


def publish(published: Marts, current: Marts, path: Path = PUBLISHED) -> None:
    """Adds what is new. Never takes anything back: that is done by hand, on purpose."""
    for mart, versions in current.items():
        for version, columns in versions.items():
            known = published.setdefault(mart, {}).setdefault(version, {})
            known.update({column: kind for column, kind in columns.items() if column not in known})
    path.write_text(json.dumps(published, indent=2, sort_keys=True) + "\n")
