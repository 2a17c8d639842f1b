"""Writes the report into the file that is named: for dbt-trigger, in whose image there is only this folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from answers import NothingToShow, ask_bigquery, page_of


def main() -> int:
    try:
        html = page_of(ask_bigquery(os.environ.get("BQ_DATASET_MODELED", "mergemind")))
    except NothingToShow as nothing:
        print(nothing, file=sys.stderr)
        return 1
    Path(sys.argv[1]).write_text(html, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
