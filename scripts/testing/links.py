"""Finds links that lead nowhere: relative ones of the documents, pages of docs/ and their headings that a source names, and pages
that nobody finds from the README."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

from place import ROOT

LINK = re.compile(r"\[(?:[^][]|\[[^][]*\])*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
CITED = re.compile(r"(?<![\w/.-])((?:\.\./)*docs/[\w./-]+\.md(?:#[\w-]+)?)")
CODE = re.compile(r"^(```|~~~).*?^\1[^\n]*$|`[^`\n]*`", re.M | re.S)


def headings(text: str) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    found: set[str] = set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))
    for title in re.findall(r"^#{1,6} +(.+?) *#*$", re.sub(r"^(```|~~~).*?^\1[^\n]*$", "", text, flags=re.M | re.S), re.M):
        title = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title)
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        number = 0
        while (anchor := slug if not number else f"{slug}-{number}") in found:
            number += 1
        found.add(anchor)
    return found


def links(text: str) -> list[str]:
    """The relative links of a document."""
    found = LINK.findall(CODE.sub("", text))
    return [link for link in found if not re.match(r"[a-z][a-z0-9+.-]*:|//", link)]


def problem(root: Path, start: Path, link: str) -> str | None:
    """What is wrong with a link, seen from the folder `start`."""
    path, _, anchor = link.partition("#")
    target = (start / unquote(path)).resolve() if path else None
    if target is not None and not target.exists():
        return "there is no such file"
    if target is not None and not target.is_relative_to(root):
        return "it leads out of the repository"
    if anchor and target is not None and target.suffix == ".md" and anchor not in headings(target.read_text()):
        return "there is no such heading"
    return None


def broken(root: Path, files: list[Path]) -> list[str]:
    """Each link that leads nowhere, as `file: link: why`."""
    found = []
    for file in files:
        try:
            text = file.read_text()
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        wrong = []
        if file.suffix == ".md":
            own = headings(text)
            for link in links(text):
                why = problem(root, file.parent, link)
                if link.startswith("#") and link[1:] not in own:
                    why = "there is no such heading"
                wrong.append((link, why))
        else:
            wrong = [(link, problem(root, root, link)) for link in CITED.findall(text) if not link.startswith("..")]
        found += [f"{file.relative_to(root)}: {link}: {why}" for link, why in wrong if why]
    return found


def unreachable(root: Path, pages: list[Path]) -> list[Path]:
    """Pages to which no way of links leads from the README."""
    seen, ahead = set(), [root / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in seen:
            continue
        seen.add(page)
        for link in links(page.read_text()):
            target = (page.parent / link.partition("#")[0]).resolve()
            ahead += [target] if target.suffix == ".md" and target.exists() else []
    return [page for page in pages if page not in seen]


def main() -> int:
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True, text=True)
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    made_up = Path(__file__).with_name("test_links.py")
    texts = [file for file in files if file != made_up and file.suffix in {".md", ".rs", ".py", ".sql", ".yml", ".tf", ".sh", ".html", ""} and file.is_file()]
    found = broken(ROOT, texts)
    found += [f"{page.relative_to(ROOT)}: no link leads here from README.md" for page in unreachable(ROOT, sorted((ROOT / "docs").glob("*.md")))]
    for line in found:
        print(line, file=sys.stderr)
    print(f"{len(texts)} files, {len(found)} links or pages to mend")
    return 1 if found or len(texts) < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
