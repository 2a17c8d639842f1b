"""Finds public functions that can fail and do not say when, and type names that stand for more than one thing.

Clippy's `missing_errors_doc` looks at what a library exports alone, and most of this is in programs."""

from __future__ import annotations

import re
import sys
from collections import defaultdict

from circles import CRATES, NO_CODE, ROOT, Crate, without_test_items

# What every room has is told apart by the room's name (ARCHITECTURE.md, "Words").
OF_EVERY_ROOM = {"Config", "Error", "Node", "Rows", "Settings", "Value"}
FUNCTION = re.compile(r"((?:^[ \t]*(?:///|#\[)[^\n]*\n)*)^[ \t]*pub(?:\([a-z ]+\))? (?:const |async )*fn (\w+)([^{;]*)", re.M)
TYPE = re.compile(r"^(?:pub(?:\([a-z ]+\))? )?(?:struct|enum|trait|type) (\w+)", re.M)


def code(text: str) -> str:
    """The text without what only tests compile; its documentation stays."""
    comments: list[str] = []

    def placeholder(match: re.Match) -> str:
        if not match[0].startswith("///"):
            return "" if match[0].startswith("/") else '""'
        comments.append(match[0])
        return f"///{len(comments) - 1}"

    bare = without_test_items(NO_CODE.sub(placeholder, text))
    return re.sub(r"///(\d+)", lambda match: comments[int(match[1])], bare)


def returned(signature: str) -> str:
    """The type that a function returns: what stands behind its arguments, which may be functions themselves."""
    depth, at = 0, 0
    for place, character in enumerate(signature):
        depth += (character == "(") - (character == ")")
        at = place if character == ")" and depth == 0 and not at else at
    return signature[at:]


def without_errors(text: str) -> list[str]:
    """Public functions that return a `Result` and do not document its error."""
    return [name for comment, name, signature in FUNCTION.findall(code(text)) if re.search(r"->.*\bResult\b", returned(signature), re.S) and "# Errors" not in comment]


def types(text: str) -> set[str]:
    return set(TYPE.findall(code(text)))


def main() -> int:
    files = [file for crate in CRATES for file in Crate(ROOT / crate).files.values()]
    found, places = [], defaultdict(list)
    for file in files:
        text, place = file.read_text(), file.relative_to(ROOT).as_posix()
        found += [f"{place}: {name} can fail; say when, under `# Errors`" for name in without_errors(text)]
        for name in types(text):
            places[name].append(place)
    found += [f"{name} is a type of {', '.join(sorted(where))}; a name stands for one thing"
              for name, where in sorted(places.items()) if len(where) > 1 and name not in OF_EVERY_ROOM]
    for line in found:
        print(line, file=sys.stderr)
    print(f"{len(files)} files, {len(places)} types, {len(found)} to mend")
    return 1 if found or len(places) < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
