"""Licences, sources and double versions of the crates that our programs are made of, by the rules of deny.toml."""
import json
import subprocess
import tomllib
from collections import Counter
from pathlib import Path

from license_expression import get_spdx_licensing

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("gitlab-connector", "dbt-trigger")
SPDX = get_spdx_licensing()


def metadata():
    """What Cargo knows, from Cargo.lock."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu"]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)


def parts_of(told, program):
    """The packages that a program is linked from, ours included, by id; with the ids that each of them uses."""
    nodes = {node["id"]: node for node in told["resolve"]["nodes"]}
    names = {package["id"]: package for package in told["packages"]}
    waiting = [key for key, package in names.items() if package["name"] == program and package["source"] is None]
    found = {}
    while waiting:
        key = waiting.pop()
        if key not in found:
            found[key] = [dep["pkg"] for dep in nodes[key]["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])]
            waiting += found[key]
    return {key: (names[key], uses) for key, uses in found.items()}


def problems(packages, rules):
    """What the rules refuse, for people."""
    allowed, registries = set(rules["licenses"]["allow"]), rules["sources"]["allow-registry"]
    found = []
    for package in packages:
        # A path is a crate of this repository.
        if package["source"] is None:
            continue
        name = f"{package['name']} {package['version']}"
        if package["source"] not in [f"registry+{registry}" for registry in registries]:
            found.append(f"{name} comes from {package['source']}")
        if not permitted(package["license"], allowed):
            found.append(f"{name} is under {package['license'] or 'no licence that it names'}")
    return found


def permitted(expression, allowed):
    """Whether an SPDX expression leaves a way that is allowed; the old form `MIT/Apache-2.0` is an `OR`."""
    if not expression:
        return False
    parsed = SPDX.parse(expression.replace("/", " OR "))

    def holds(part):
        inner = getattr(part, "operator", "").strip()
        if inner:
            return (all if inner == "AND" else any)(holds(arg) for arg in part.args)
        return str(part) in allowed

    return holds(parsed)


def doubles(packages):
    """Crates of which there are several versions, with these."""
    counted = Counter(package["name"] for package in packages)
    return {name: sorted(p["version"] for p in packages if p["name"] == name) for name, count in counted.items() if count > 1}


def rules():
    return tomllib.loads((ROOT / "deny.toml").read_text())
