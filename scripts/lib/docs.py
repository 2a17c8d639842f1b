"""Writes dbt's documentation of the models as one HTML file: docs.py FILE FOLDER. Runs in dbt's environment; FOLDER keeps dbt's own files."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    output, folder = Path(sys.argv[1]), sys.argv[2]
    os.environ.update(
        # Any address makes dbt choose the local target; with an empty catalog and nothing compiled it is not called.
        BIGQUERY_EMULATOR_HOST="http://127.0.0.1:9", DBT_SEND_ANONYMOUS_USAGE_STATS="false",
        DBT_PROJECT_DIR=str(ROOT / "models"), DBT_PROFILES_DIR=str(ROOT / "models"), DBT_TARGET_PATH=folder, DBT_LOG_PATH=folder,
    )
    from dbt.cli.main import dbtRunner

    parsed = dbtRunner().invoke(["--quiet", "parse"])
    if not parsed.success:
        print(f"error: dbt cannot read the models: {parsed.exception or 'its words are above'}", file=sys.stderr)
        return 1
    if not write(parsed.result, output, Path(folder)):
        return 1
    print(output)
    return 0


def write(manifest, output: Path, folder: Path) -> bool:
    """Writes the page of a parsed project; False if dbt could not, which says why."""
    from dbt.cli.main import dbtRunner

    folder.mkdir(parents=True, exist_ok=True)
    # It reads there what it is not given.
    manifest.write(str(folder / "manifest.json"))
    arguments = ["--quiet", "docs", "generate", "--static", "--empty-catalog", "--no-compile", "--target-path", str(folder)]
    if not dbtRunner(manifest=manifest).invoke(arguments).success:
        return False
    output.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / "static_index.html", output)
    return True


if __name__ == "__main__":
    sys.exit(main())
