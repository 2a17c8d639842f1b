"""Another date for everything that a test run starts: scripts/test --on."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from place import LOCAL, ROOT

SOURCE = ROOT / "tests/testkit/clock/clock.c"
# Days on which calendars do something: ends of weeks, months and years, ISO's 53rd week, leap days, changes of Europe's
# clocks, and the first day that 32 bits can't count.
DATES = ["2026-12-06 23:30", "2026-12-07 00:10", "2026-12-31", "2027-01-01", "2027-01-03", "2027-01-04", "2027-02-28", "2028-02-29",
         "2027-03-28", "2027-10-31", "2038-01-20"]
ZONES = ["Pacific/Auckland", "America/Los_Angeles", "UTC"]


def moment(text: str) -> tuple[datetime, str | None]:
    """The moment of --on, in UTC, and its time zone if it is `today`'s."""
    if text == "today":
        day = datetime.now(UTC).toordinal()
        return moment(DATES[day % len(DATES)])[0], ZONES[day % len(ZONES)]
    if not re.fullmatch(r"\d{4}-\d\d-\d\d( \d\d:\d\d)?", text):
        raise SystemExit(f"error: --on takes a date such as 2028-02-29 or '2026-12-06 23:30' (UTC), or today; not {text!r}")
    try:
        return datetime.fromisoformat(text if " " in text else f"{text} 12:00").replace(tzinfo=UTC), None
    except ValueError as error:
        raise SystemExit(f"error: --on {text}: {error}") from None


def environment(text: str) -> dict[str, str]:
    """What a program's environment must hold so that its calendar, and that of all it starts, is at this moment."""
    if sys.platform != "linux":
        raise SystemExit("error: --on needs Linux: the clock is moved by a library that LD_PRELOAD names")
    library = LOCAL / "clock/clock.so"
    if not library.exists() or library.stat().st_mtime < SOURCE.stat().st_mtime:
        library.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"], check=True)
    at, zone = moment(text)
    moved = {"LD_PRELOAD": str(library), "CLOCK_OFFSET": str(round((at - datetime.now(UTC)).total_seconds()))}
    seen = subprocess.run(["date", "-u", "+%Y-%m-%d %H:%M"], env=moved, capture_output=True, text=True, check=True).stdout.strip()
    if seen not in {str(at + timedelta(minutes=late))[:16] for late in (0, 1)}:
        raise SystemExit(f"error: the clock could not be moved: it says {seen} instead of {at}")
    return moved | ({"TZ": zone} if zone else {})
