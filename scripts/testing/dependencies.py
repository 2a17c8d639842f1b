"""Finds dependencies that nothing uses: each name in a Cargo.toml must stand in the Rust sources of its package."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLES = ("dependencies", "dev-dependencies", "build-dependencies")


def main() -> int:
    problems = unused(ROOT)
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


def unused(root: Path) -> list[str]:
    """A sentence about each dependency of the workspace in `root` that nothing uses."""
    workspace = tomllib.loads((root / "Cargo.toml").read_text())["workspace"]
    problems, inherited = [], kept_of(workspace)
    for member in workspace["members"]:
        manifest = tomllib.loads((root / member / "Cargo.toml").read_text())
        kept = kept_of(manifest.get("package", {}))
        # Without comments: a name in a sentence uses nothing.
        code = "\n".join(re.sub(r"//.*", "", path.read_text(errors="replace")) for path in sorted((root / member).rglob("*.rs")))
        for table in TABLES:
            for name, value in manifest.get(table, {}).items():
                if isinstance(value, dict) and value.get("workspace"):
                    inherited.add(name)
                if name not in kept and not re.search(rf"\b{name.replace('-', '_')}\b", code):
                    problems.append(f"{member}/Cargo.toml names {name} in [{table}], and no source of it does: remove it")
    problems += [f"Cargo.toml names {name} in [workspace.dependencies], and no package takes it: remove it" for name in workspace.get("dependencies", {}) if name not in inherited]
    return problems


def kept_of(table: dict) -> set[str]:
    """What metadata says is to be kept although nothing names it."""
    return set(table.get("metadata", {}).get("unused-dependencies", {}).get("kept", []))


if __name__ == "__main__":
    sys.exit(main())
