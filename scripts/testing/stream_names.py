"""Finds streams' names that stand as literals outside the streams' own files, where a new stream would have to be added, too.

What is known of a stream stands in its file, as a property or a constant. Code that only tests compile does not count: there a name is
what is expected."""

from __future__ import annotations

import re
import sys

from circles import NO_CODE, ROOT, Crate, without_test_items

CONNECTOR = ROOT / "functions/gitlab-connector/src"
# Their words are GitLab's, and they can name no stream: neither imports from `streams/`.
GITLABS_OWN = {
    "gitlab": "fields of GitLab's GraphQL schema",
    "ledger/gap.rs": "parts of GitLab's addresses",
}


def streams(raw_tables: str) -> set[str]:
    """The names in docs/raw-tables.md, which is made of the streams."""
    return {*re.findall(r"^\| \[(\w+)\]\(#\1\) \|", raw_tables, re.M), "_rejected"}


def literals(text: str) -> list[str]:
    """The texts that code holds which is compiled into the program."""
    found: list[str] = []

    def placeholder(match: re.Match) -> str:
        if match[0].startswith("/"):
            return ""
        found.append(match[0])
        return f'"{len(found) - 1}"'

    code = without_test_items(NO_CODE.sub(placeholder, text))
    return [re.sub(r'^b?r?#*"|"#*$', "", found[int(index)]) for index in re.findall(r'"(\d+)"', code)]


def named(crate: Crate, names: set[str]) -> list[tuple[str, str]]:
    """Each file that names a stream, and the name."""
    found = []
    for file in sorted(crate.files.values()):
        place = file.relative_to(crate.folder).as_posix()
        if place.startswith("streams/") or any(place == own or place.startswith((f"{own}/", f"{own}.rs")) for own in GITLABS_OWN):
            continue
        found += [(place, name) for name in literals(file.read_text()) if name in names]
    return found


def main() -> int:
    names = streams((ROOT / "docs/raw-tables.md").read_text())
    crate = Crate(CONNECTOR)
    found = named(crate, names)
    for place, name in found:
        print(f'{place}: "{name}" is a stream; say what it is by a property of streams::Stream, or by a constant of its file', file=sys.stderr)
    print(f"{len(crate.files)} files, {len(names)} names, {len(found)} literals")
    return 1 if found or len(names) < 30 else 0


if __name__ == "__main__":
    sys.exit(main())
