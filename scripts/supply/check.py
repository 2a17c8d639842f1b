"""See scripts/check-supply."""
import json
import os
import re
import shutil
import subprocess
import sys

import crates
import sbom

LISTS = crates.ROOT / ".local/sbom"
PIP_AUDIT = crates.ROOT / ".local/venv-audit/bin/pip-audit"


def main():
    told = crates.metadata()
    linked = {key: package for program in crates.PROGRAMS for key, (package, _) in crates.parts_of(told, program).items()}
    found = crates.problems(linked.values(), crates.rules())
    print(f"licences and sources of {len(linked)} crates: {'as deny.toml wants them' if not found else 'see below'}")
    twice = crates.doubles(linked.values())
    print(f"in several versions, which is others' to mend: {', '.join(sorted(twice)) or 'none'}")
    found += cargo_deny()
    found += pip_audit()
    for program in crates.PROGRAMS:
        path, count = sbom.write(told, program, LISTS)
        print(f"{os.path.relpath(path)}: {count} parts")
    subprocess.run([crates.ROOT / "scripts/base-images", "--check"], check=True)
    for problem in found:
        print(f"✗ {problem}")
    return 1 if found else 0


def cargo_deny():
    """RustSec's list of weaknesses, where the program for it is."""
    if not shutil.which("cargo-deny"):
        print("skipped: weaknesses of crates were not looked up: cargo-deny is not installed (cargo install --locked cargo-deny)")
        return []
    done = subprocess.run(["cargo", "deny", "--locked", "check"], cwd=crates.ROOT, text=True, stderr=subprocess.PIPE)
    if "failed to fetch advisory database" in done.stderr:
        print("skipped: weaknesses of crates were not looked up: RustSec's database can't be reached")
        return []
    return [f"cargo deny check:\n{done.stderr}"] if done.returncode else []


def pip_audit(program=PIP_AUDIT):
    """OSV's list of weaknesses; the names and versions of dbt's lock are sent there."""
    command = [program, "--requirement", sbom.LOCK, "--disable-pip", "--require-hashes", "--vulnerability-service", "osv", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        if not re.search("ConnectionError|ProxyError|ConnectTimeout|ReadTimeout|Max retries|SSLError", done.stderr):
            return [f"pip-audit fails: {done.stderr.strip()[-500:]}"]
        print("skipped: weaknesses of Python's packages were not looked up: api.osv.dev can't be reached")
        return []
    print(f"weaknesses of {len(answer['dependencies'])} packages of Python: looked up")
    return [f"{part['name']} {part['version']}: {weakness['id']}" for part in answer["dependencies"] for weakness in part.get("vulns", [])]


if __name__ == "__main__":
    sys.exit(main())
