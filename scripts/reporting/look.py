"""Looks at the report in a headless Chromium, over DevTools on a pipe; standard library only.

look.py CHROMIUM PAGE [FOLDER FOR PICTURES]    looks at a page
look.py CHROMIUM --states FOLDER               makes a page in each state that there is, and looks at all of them
"""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from page import page as page_of
from states import states

TIMEOUT_S = 60
# Width in pixels, and how it looks at night: a desk and a common phone.
SCREENS = {"desk": 1100, "phone": 390}
# The least size of letters as they are drawn, in pixels, and the least contrast of text: https://www.w3.org/TR/WCAG22/#contrast-minimum
LEAST_SIZE, LEAST_CONTRAST = 11.5, 4.5
# What a person would see: headings, drawn charts, nothing cut off or outside, nothing loaded from elsewhere.
SEEN = r"""(() => {
  const box = element => element.getBoundingClientRect();
  const charts = [...document.querySelectorAll('svg')];
  const texts = [...document.body.querySelectorAll('*')].filter(element => !element.closest('title') &&
    [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.textContent.trim()));
  const channels = colour => colour.match(/[\d.]+/g).map(Number);
  const part = value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = ([red, green, blue]) => 0.2126 * part(red / 255) + 0.7152 * part(green / 255) + 0.0722 * part(blue / 255);
  const behind = element => {
    for (; element; element = element.parentElement) {
      const colour = channels(getComputedStyle(element).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return light(colour);
    }
    return 1;
  };
  const ink = element => getComputedStyle(element)[element.closest('svg') ? 'fill' : 'color'];
  const contrast = element => {
    const [dark, bright] = [light(channels(ink(element))), behind(element)].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  };
  // Letters of a chart shrink with it.
  const size = element => parseFloat(getComputedStyle(element).fontSize) * (element.getScreenCTM ? element.getScreenCTM().a : 1);
  const worst = (of, least) => texts.filter(text => of(text) < least).map(text => `${text.textContent.trim().slice(0, 30)} (${of(text).toFixed(1)})`).slice(0, 5);
  return {
    sections: document.querySelectorAll('h2').length,
    charts: charts.length,
    empty: charts.filter(chart => box(chart).height < 20 || chart.querySelectorAll('rect, polyline').length === 0).length,
    outside: charts.flatMap(chart => [...chart.querySelectorAll('rect, circle, text')].filter(part =>
      box(part).right > box(chart).right + 2 || box(part).left < box(chart).left - 2 || box(part).bottom > box(chart).bottom + 2 || box(part).top < box(chart).top - 8)).map(part => part.outerHTML.slice(0, 120)).slice(0, 3),
    rows: document.querySelectorAll('.risk tbody tr').length,
    groups: document.querySelectorAll('.groups tbody tr').length,
    kinds: [...new Set([...document.querySelectorAll('.figures i')].map(change => change.className))],
    figures: document.querySelectorAll('.figures b').length,
    nothing: document.querySelectorAll('.empty').length,
    // A chart scrolls in a frame of its own.
    sideways: [...document.querySelectorAll('section')].filter(part => part.scrollWidth > part.clientWidth + 1).length,
    unseen: [...document.querySelectorAll('h1, h2, td a, svg text')].filter(text => box(text).width < 1).length,
    small: worst(size, LEAST_SIZE),
    pale: worst(contrast, LEAST_CONTRAST),
    dark: behind(document.body) < 0.5,
    nan: /NaN|undefined|None/.test(document.body.innerText),
    wider: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    loaded: performance.getEntriesByType('resource').length,
  };
})()""".replace("LEAST_SIZE", str(LEAST_SIZE)).replace("LEAST_CONTRAST", str(LEAST_CONTRAST))


class Browser:
    """A Chromium that listens on a pipe, so that nobody else can steer it."""

    def __init__(self, program: str, profile: str):
        command_out, command_in = os.pipe()
        answer_out, answer_in = os.pipe()

        def connect() -> None:  # DevTools reads descriptor 3 and writes descriptor 4.
            reading, writing = os.dup(command_out), os.dup(answer_in)
            os.dup2(reading, 3)
            os.dup2(writing, 4)

        flags = ["--headless=shell", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"]
        self.process = subprocess.Popen([program, *flags], preexec_fn=connect, close_fds=False, stderr=subprocess.DEVNULL)
        os.close(command_out)
        os.close(answer_in)
        self._in, self._out, self._buffer, self._last = command_in, answer_out, b"", 0
        self.events: list[dict] = []

    def call(self, method: str, session: str | None = None, **parameters) -> dict:
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        os.write(self._in, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def wait(self, event: str) -> None:
        while not any(seen.get("method") == event for seen in self.events):
            self.events.append(self._read())

    def _read(self) -> dict:
        deadline = time.monotonic() + TIMEOUT_S
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._out], [], [], max(0, deadline - time.monotonic()))
            part = os.read(self._out, 1 << 16) if ready else b""
            if not part:
                raise RuntimeError("Chromium ended" if ready else f"Chromium said nothing for {TIMEOUT_S} s")
            self._buffer += part
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)


def main() -> int:
    program = sys.argv[1]
    if sys.argv[2] == "--states":
        folder = Path(sys.argv[3]).resolve()
        pages = made_states(folder)
    else:
        page = Path(sys.argv[2]).resolve()
        folder = Path(sys.argv[3]) if len(sys.argv) > 3 else page.parent
        pages = {page: {}}
    problems = []
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        browser = Browser(program, profile)
        try:
            for page, expected in pages.items():
                for screen, width in SCREENS.items():
                    for scheme in ("light", "dark"):
                        picture = folder / f"{page.stem}-{screen}-{scheme}.png"
                        problems += [f"{page.stem} on a {screen}, {scheme}: {problem}" for problem in look(browser, page, expected, width, scheme, picture)]
        except RuntimeError as error:
            problems.append(str(error))
        finally:
            browser.process.kill()
            browser.process.wait()
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if not problems:
        print(f"{len(pages)} looked right on a desk and on a phone, by day and by night; {folder}/*.png show it")
    return 1 if problems else 0


def made_states(folder: Path) -> dict[Path, dict]:
    """Writes a page for each state; what it must show."""
    pages = {}
    for name, (answers, expected) in states().items():
        page = folder / f"report-{name}.html"
        page.write_text(page_of(answers, "2027-01-04 12:00 UTC"), encoding="utf-8")
        pages[page] = expected
    return pages


def look(browser: Browser, page: Path, expected: dict, width: int, scheme: str, picture: Path) -> list[str]:
    """Shows the page on a screen of that width, draws it into `picture`, and returns what is wrong with it."""
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ("Page", "Runtime", "Log"):
        browser.call(f"{domain}.enable", session)
    browser.call("Emulation.setDeviceMetricsOverride", session, width=width, height=1000, deviceScaleFactor=1, mobile=width < 500)
    browser.call("Emulation.setEmulatedMedia", session, features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.events.clear()
    browser.call("Page.navigate", session, url=page.as_uri())
    browser.wait("Page.loadEventFired")
    seen = browser.call("Runtime.evaluate", session, expression=SEEN, returnByValue=True)["result"]["value"]
    shot = browser.call("Page.captureScreenshot", session, format="png", captureBeyondViewport=True)
    picture.write_bytes(base64.b64decode(shot["data"]))
    browser.call("Target.closeTarget", targetId=target)
    said = [event["params"] for event in browser.events if event.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown")]
    problems = [f"the browser complains: {json.dumps(entry)[:300]}" for entry in said]
    return problems + [text for wrong, text in (
        *((seen[what] != number, f"{number} expected of {what}, seen {seen[what]}") for what, number in expected.items()),
        (not seen["sections"] or not seen["figures"], "there is no section or no figure"),
        (seen["empty"], f"{seen['empty']} charts show nothing"),
        (seen["outside"], f"parts of charts lie outside of them: {seen['outside']}"),
        (seen["sideways"], f"{seen['sideways']} sections scroll sideways"),
        (seen["unseen"], f"{seen['unseen']} texts have no width: does the browser find a font?"),
        (seen["small"], f"letters are too small: {seen['small']}"),
        (seen["pale"], f"letters are too pale: {seen['pale']}"),
        (seen["dark"] != (scheme == "dark"), "the page is of the other colour"),
        (seen["nan"], "a value is missing and shows as NaN, undefined or None"),
        (seen["wider"], "the page is wider than the window"),
        (seen["loaded"], "the page loads something"),
    ) if wrong]


if __name__ == "__main__":
    sys.exit(main())
