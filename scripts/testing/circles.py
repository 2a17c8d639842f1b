"""Finds files of a crate that import each other in a circle: circles.py [FOLDER OF A CRATE'S SOURCES …]

An import is a path that begins with `crate`, `super`, `self` or a module of the file; a name that a `mod.rs` only passes on (`pub use`)
counts as an import of the file that defines it, and not of the `mod.rs`. Code that only tests compile does not count."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CRATES = ["shared/src", "functions/gitlab-connector/src", "functions/dbt-trigger/src"]
NAME = r"[A-Za-z_][A-Za-z0-9_]*"
# Comments and literals, in one expression: a literal may hold what begins a comment, and a comment what begins a literal.
NO_CODE = re.compile(r"""//[^\n]*|/\*.*?\*/|\bb?r(#*)".*?"\1|"(?:\\.|[^"\\])*"|'(?:\\.[^']*|[^'\\\n])'""", re.S)


class Crate:
    """The files of one crate as modules: `("sync", "state")` is sync/state.rs or sync/state/mod.rs."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.texts: dict[tuple[str, ...], str] = {}
        self.files: dict[tuple[str, ...], Path] = {}
        root = folder / ("lib.rs" if (folder / "lib.rs").exists() else "main.rs")
        self._read((), root)
        self.passed_on = {module: passed_on(text) for module, text in self.texts.items()}

    def _read(self, module: tuple[str, ...], file: Path) -> None:
        text = without_tests(file.read_text())
        self.texts[module], self.files[module] = text, file
        beside = file.parent if file.name in ("mod.rs", "lib.rs", "main.rs") else file.parent / file.stem
        for name in re.findall(rf"^\s*(?:pub(?:\([a-z ]+\))? )?mod ({NAME});", text, re.M):
            for found in (beside / f"{name}.rs", beside / name / "mod.rs"):
                if found.exists():
                    self._read((*module, name), found)

    def imports(self) -> dict[tuple[str, ...], set[tuple[str, ...]]]:
        """For each file the files that it imports from."""
        return {module: {found for path in paths(text) if (found := self._file_of(module, path)) not in (None, module)}
                for module, text in self.texts.items()}

    def _file_of(self, module: tuple[str, ...], path: list[str], depth: int = 0) -> tuple[str, ...] | None:
        """The file that defines what `path`, as written in `module`, names."""
        first, *rest = path
        if first == "crate":
            at = ()
        elif first == "self":
            at = module
        elif first == "super":
            at = module[:-1]
            while rest and rest[0] == "super":
                at, rest = at[:-1], rest[1:]
        elif (*module, first) in self.texts:
            at = (*module, first)
        else:
            return None
        while rest and (*at, rest[0]) in self.texts:
            at, rest = (*at, rest[0]), rest[1:]
        if rest and depth < 5 and (further := self.passed_on[at].get(rest[0])):
            return self._file_of(at, [*further, *rest[1:]], depth + 1) or at
        return at

    def circles(self) -> list[list[str]]:
        return [sorted(str(self.files[module].relative_to(self.folder)) for module in circle) for circle in strongly_connected(self.imports())]


def without_tests(text: str) -> str:
    """The text without comments, literals, and items that stand under `#[cfg(test)]`."""
    return without_test_items(NO_CODE.sub(lambda found: "" if found[0].startswith("/") else '""', text))


def without_test_items(text: str) -> str:
    """The text without items that stand under `#[cfg(test)]`; no comment or literal of it may hold a brace or a semicolon."""
    while found := re.search(r"#\[cfg\((?:test|all\(test[^\n]*)\)\]", text):
        end, depth = found.end(), 0
        while end < len(text):
            character = text[end]
            depth += (character == "{") - (character == "}")
            end += 1
            if depth == 0 and character in ";}":
                break
        text = text[: found.start()] + text[end:]
    return text


def paths(text: str) -> list[list[str]]:
    """Every path of an import, braces opened, and every path in the code."""
    found = []
    for use in re.findall(r"(?<!pub )(?<!\) )\buse ([^;]+);", text):
        found += opened(re.sub(r"\s+", " ", use))
    code = re.sub(r"\buse [^;]+;", "", text)
    found += [path.split("::") for path in re.findall(rf"(?<![A-Za-z0-9_:])((?:{NAME}::)+{NAME})", code)]
    return found


def opened(use: str) -> list[list[str]]:
    use = use.strip()
    if "{" not in use:
        return [[part.strip() for part in re.sub(r" as .*", "", use).split("::")]]
    head, _, tail = use.partition("{")
    depth, item, items = 0, "", []
    for character in tail[: tail.rindex("}")]:
        depth += (character == "{") - (character == "}")
        if character == "," and depth == 0:
            items.append(item)
            item = ""
        else:
            item += character
    before = [part.strip() for part in head.split("::") if part.strip()]
    return [[*before, *(path if path != ["self"] else [])] for item in [*items, item] if item.strip() for path in opened(item)]


def passed_on(text: str) -> dict[str, list[str]]:
    """Names that the file only passes on, each with its path."""
    names = {}
    for use in re.findall(r"\bpub(?:\([a-z ]+\))? use ([^;]+);", text):
        for path in opened(re.sub(r"\s+", " ", use)):
            names[path[-1]] = path
    return names


def strongly_connected(graph: dict) -> list[list]:
    """Tarjan's components of more than one node."""
    order, low, stack, found = {}, {}, [], []

    def visit(node) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in graph[node]:
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            component = stack[stack.index(node):]
            del stack[stack.index(node):]
            if len(component) > 1:
                found.append(component)

    for node in graph:
        if node not in order:
            visit(node)
    return found


def main(folders: list[str]) -> int:
    status = 0
    for folder in folders:
        crate = Crate(ROOT / folder)
        circles = crate.circles()
        for circle in circles:
            print(f"{folder}: {len(circle)} files import each other in a circle: {', '.join(circle)}", file=sys.stderr)
            status = 1
        print(f"{folder}: {len(crate.files)} files, {sum(map(len, crate.imports().values()))} imports, {len(circles)} circles")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or CRATES))
